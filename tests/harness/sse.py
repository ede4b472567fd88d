"""A streamed transcription by plain HTTP, read event by event."""

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from harness.transcribe import MODEL, PATH

Event = dict[str, Any]


class Stream:
    """Enter it to upload a recording and open the stream. `events` are those read so far."""

    def __init__(self, client: httpx.Client, recording: Path, **fields: str) -> None:
        self._client = client
        self._recording = recording
        self._fields = {"model": MODEL, "stream": "true", **fields}
        self._stack = ExitStack()
        self.events: list[Event] = []

    def __enter__(self) -> Self:
        with self._recording.open("rb") as file:
            response = self._stack.enter_context(
                self._client.stream(
                    "POST",
                    PATH,
                    data=self._fields,
                    files={"file": (self._recording.name, file)},
                )
            )
        assert response.status_code == httpx.codes.OK, response.read()
        self._lines = response.iter_lines()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def read(self) -> Event | None:
        """The next event, or None at a proper end.

        Raises:
            httpx.RemoteProtocolError: the connection broke off.
        """
        for line in self._lines:
            if line.startswith("data: "):
                event: Event = json.loads(line.removeprefix("data: "))
                self.events.append(event)
                return event
        return None

    def read_until(self, event_type: str) -> Event:
        """Read on to the next event of a type."""
        while (event := self.read()) is not None:
            if event.get("type") == event_type:
                return event
        raise AssertionError(f"no {event_type} came, only {self.events}")

    def read_to_the_end(self) -> list[Event]:
        """All events, once the stream has ended properly."""
        while self.read() is not None:
            continue
        return self.events

    @property
    def text(self) -> str:
        """The deltas read so far, joined."""
        return "".join(
            event["text"]
            for event in self.events
            if event.get("type") == "transcription.text.delta"
        )
