"""The simplest server around faster-whisper: worker processes behind the standard library's HTTP.

A POST's body is the recording, the answer is JSON with its text.

    python bench/peers/simple_server.py WEIGHTS-FOLDER WORKERS PORT
"""

import io
import json
import multiprocessing
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_loaded: list[Any] = []
"""The model of a worker process."""


def load(weights: str) -> None:
    """Load the model at int8, one thread."""
    from faster_whisper import WhisperModel

    _loaded.append(WhisperModel(weights, device="cpu", compute_type="int8", cpu_threads=1))


def transcribe(recording: bytes) -> str:
    """Greedy; everything else is the library's default."""
    segments, _ = _loaded[0].transcribe(io.BytesIO(recording), beam_size=1)
    return "".join(segment.text for segment in segments).strip()


def handler(pool: ProcessPoolExecutor) -> type[BaseHTTPRequestHandler]:
    """What answers the requests with the workers of `pool`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # the name is http.server's
            self._answer(HTTPStatus.OK, {})

        def do_POST(self) -> None:
            recording = self.rfile.read(int(self.headers["content-length"]))
            try:
                self._answer(HTTPStatus.OK, {"text": pool.submit(transcribe, recording).result()})
            except Exception as error:  # noqa: BLE001 (whatever it is, the client hears of it)
                self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": repr(error)})

        def log_message(self, *_: object) -> None:
            """No log line for each request."""

        def _answer(self, status: HTTPStatus, values: dict[str, str]) -> None:
            body = json.dumps(values).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


class Server(ThreadingHTTPServer):
    """Keeps as many waiting connections as a test may open."""

    request_queue_size = 128
    daemon_threads = True


def main() -> None:
    weights, workers, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # or its children would stay
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, load, (weights,)) as pool:
        silence = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00"
        silence += b"\x00\x7d\x00\x00\x02\x00\x10\x00data\x80\x3e\x00\x00" + bytes(16_000)
        list(pool.map(transcribe, [silence] * workers))
        Server(("127.0.0.1", port), handler(pool)).serve_forever()


if __name__ == "__main__":
    main()
