"""Server-sent events: frames, keep-alives, and an end that no client takes for success."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.types import Send

from auricle.server.status import encode_json, error_body
from auricle.server.wire.transcription import StreamEvent

KEEP_ALIVE_FRAME = b": keep-alive\n\n"
LAST_WORDS_S = 2.0
"""Seconds the error frame may take to be sent; a client that does not read gets none."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When a stream starts and what keeps it alive, in seconds.

    For `first_event_s` the answer waits for its first event: an error within them is an
    ordinary HTTP error. After `keep_alive_s` of silence a comment is sent.
    """

    first_event_s: float = 5.0
    keep_alive_s: float = 10.0


HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


def frame(event: str, data: bytes) -> bytes:
    """One event; `data` is JSON on one line."""
    return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"


def event_frame(payload: StreamEvent) -> bytes:
    """The frame of an event."""
    return frame(payload.type, payload.model_dump_json().encode())


def error_frame(error: Exception) -> bytes:
    """The frame that comes before an aborted connection."""
    return frame("error", encode_json(error_body(error)))


def comment_frame(text: str) -> bytes:
    """One line that every reader of events skips; for people, and for readers that ask for it."""
    return b": " + text.encode() + b"\n\n"


class EventStream:
    """The answer while it is written. Owner: the request's task."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False

    async def write(self, frames: Iterable[bytes]) -> None:
        """Send frames in one piece; the first ones start the answer.

        From there on an error can only be a frame.
        """
        if not self.has_started:
            self.has_started = True
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": list(HEADERS)}
            )
        body = b"".join(frames)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def finish(self) -> None:
        """End the answer properly."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, error: Exception) -> None:
        """Send the error frame and leave the answer unfinished.

        The server then closes the connection without the terminating chunk: clients take a
        proper end for success.
        """
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self.write([error_frame(error)])
        except TimeoutError:
            return
