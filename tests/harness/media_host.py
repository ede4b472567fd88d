"""An HTTP server for `file_url`: the clips of the repository, on this machine."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.speech import DATA


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Say nothing."""


class MediaHost:
    """Serves tests/data. Owner: the fixture, which closes it."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(DATA)))
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def url_of(self, path: Path) -> str:
        """The address of one of the clips."""
        return f"http://127.0.0.1:{self._server.server_port}/{path.name}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
