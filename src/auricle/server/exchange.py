"""One request and its answer, watched: what came in, what went out, and a polite end.

When the answer is complete before the request's body has arrived (401, 413, 429), closing at
once would reset the connection, and many clients would report that instead of the answer. So
the answer is sent in full, the rest of the body is read and discarded within bounds, and only
then does the connection close.
"""

import asyncio

from starlette.types import Message, Receive, Scope, Send

DISCARD_BYTES = 64 << 20
"""Bytes of an unwanted body that are read at most."""
DISCARD_S = 10.0
"""Seconds that reading an unwanted body may take at most."""


class Exchange:
    """The `receive` and `send` of one HTTP request. Owner: the middleware that made it."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        discard_bytes: int = DISCARD_BYTES,
        discard_s: float = DISCARD_S,
    ) -> None:
        headers = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self._discard_bytes = discard_bytes
        self._discard_s = discard_s
        self._awaits_continue = headers.get(b"expect", b"").lower() == b"100-continue"
        has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
        self.body_complete = not has_body
        self.received_bytes = 0
        self.status: int | None = None
        self.departed = False
        self.answered = False

    async def receive(self) -> Message:
        """The next part of the body, or the client's departure."""
        self._awaits_continue = False  # asking for the body sends the `100 Continue`
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.departed = self.departed or not self.answered
        else:
            self.received_bytes += len(message.get("body", b""))
            self.body_complete = self.body_complete or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self.body_complete:
                headers = [*message.get("headers", []), (b"connection", b"close")]
                message = {**message, "headers": headers}
        elif not message.get("more_body", False):
            if not self.body_complete and not self._awaits_continue:
                await self._send({**message, "more_body": True})
                await self._discard_body()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            self.answered = True
        await self._send(message)

    async def _discard_body(self) -> None:
        left = self._discard_bytes
        try:
            async with asyncio.timeout(self._discard_s):
                while not self.body_complete and left > 0:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        return
                    left -= len(message.get("body", b""))
                    self.body_complete = not message.get("more_body", False)
        except TimeoutError:
            return
