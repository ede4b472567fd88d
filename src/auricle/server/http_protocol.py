"""uvicorn's HTTP/1.1 protocol with the bounds it lacks."""

import asyncio
from uuid import uuid4

import h11
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from auricle.server.status import encode_json, error_body


class BoundedHttpProtocol(H11Protocol):
    """One connection; slow heads, unread answers and too many connections end it.

    Attributes:
        head_timeout_s: seconds a client may take for the head of a request.
        close_timeout_s: seconds it may take to read what is left once the connection closes.
        watch_s: seconds between two looks at the connection.
        linger_s: seconds that what follows a malformed request is read and dropped.
        max_connections: of one server; one more is closed at once.
    """

    head_timeout_s = 20.0
    close_timeout_s = 20.0
    watch_s = 5.0
    linger_s = 1.0
    max_connections = 1000

    _watch_timer: asyncio.TimerHandle | None = None
    _head_since: float | None = None
    _closing_since: float | None = None
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.abort()
            return
        self._head_since = self.loop.time()
        self._watch_timer = self.loop.call_later(self.watch_s, self._watch)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        if self._watch_timer is not None:
            self._watch_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        if self._is_refused:
            return
        super().data_received(data)
        if self._is_in_request():
            self._head_since = None
        elif self._head_since is None:
            self._head_since = self.loop.time()

    def _is_in_request(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request
        return cycle is not None and not cycle.response_complete

    def _watch(self) -> None:
        now = self.loop.time()
        if self._closing_since is None and self.transport.is_closing():
            self._closing_since = now
        if _is_over(self._head_since, self.head_timeout_s, now) or _is_over(
            self._closing_since, self.close_timeout_s, now
        ):
            self.transport.abort()
            return
        self._watch_timer = self.loop.call_later(self.watch_s, self._watch)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, in the form of all our errors."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()  # an answer is under way: it can only be broken off
            return
        body = encode_json(error_body(HTTPException(400, msg)))
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
            ("x-request-id", uuid4().hex),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        # Closing with bytes unread would reset the connection, and the answer with it.
        self._is_refused = True
        try:
            self.transport.write_eof()
        except OSError:  # the client has gone between our last bytes and this
            self.transport.abort()
            return
        self.loop.call_later(self.linger_s, self.transport.close)

    def _unsupported_upgrade_warning(self) -> None:
        """A stranger's header is no reason for a line in the log; the request is answered."""


def _is_over(since: float | None, limit_s: float, now: float) -> bool:
    return since is not None and now - since > limit_s
