"""An HTTP server on a free port of this machine, for as long as a test needs it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TIMEOUT_S = 60


@dataclass
class Hold:
    """Where a download is held up, for the test to do something in its middle."""

    half_sent: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """Says nothing on standard error; answers are sent with their length."""

    protocol_version = "HTTP/1.1"

    def answer(self, *, with_body: bool) -> None:
        """Answer a GET, or a HEAD when the body stays away."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def send(
        self,
        status: int,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        with_body: bool = True,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def send_held(self, body: bytes, headers: dict[str, str], hold: "Hold") -> bool:
        """Send half of the body, and the rest when told; whether the client was still there."""
        half = len(body) // 2
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:half])
        hold.half_sent.set()
        hold.go_on.wait(TIMEOUT_S)
        try:
            self.wfile.write(body[half:])
        except OSError:  # the client was killed meanwhile
            return False
        return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        pass


@contextmanager
def serving(handler: type[Handler]) -> Iterator[str]:
    """Yields the server's address, without a slash at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
