"""A server that speaks vLLM's dialect and fails on demand: what a real one cannot be asked to do.

What happens with a real vLLM is in `tests/voxtral`.
"""

import json
import threading
from collections.abc import Callable
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "mistralai/Voxtral-Mini-3B-2507"
STALL_S = 30.0


class Answer:
    """One answer on its way. A script calls its methods in any order."""

    def __init__(self, handler: BaseHTTPRequestHandler, released: threading.Event) -> None:
        self._handler = handler
        self._released = released

    def status(self, code: int, body: str = "{}") -> None:
        handler = self._handler
        handler.send_response(code)
        handler.send_header("content-length", str(len(body)))
        handler.send_header("content-type", "application/json")
        handler.end_headers()
        handler.wfile.write(body.encode())

    def begin(self, content_type: str = "text/event-stream; charset=utf-8") -> None:
        self._handler.send_response(200)
        self._handler.send_header("content-type", content_type)
        self._handler.send_header("connection", "close")
        self._handler.end_headers()

    def raw(self, data: bytes) -> None:
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def chunk(self, text: str, finish_reason: str | None = None) -> None:
        choice = {"delta": {"content": text}, "finish_reason": finish_reason}
        self.raw(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())

    def end(self, reason: str = "stop") -> None:
        self.chunk("", reason)
        usage = {"prompt_tokens": 418, "total_tokens": 428, "completion_tokens": 10}
        self.raw(f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode())
        self.raw(b"data: [DONE]\n\n")

    def stall(self) -> None:
        """Wait until the stub is released."""
        self._released.wait(STALL_S)


Script = Callable[[Answer], None]


def say(*pieces: str) -> Script:
    """A whole answer."""

    def script(answer: Answer) -> None:
        answer.begin()
        for piece in pieces:
            answer.chunk(piece)
        answer.end()

    return script


def break_off(*pieces: str) -> Script:
    """An answer that ends before its end."""

    def script(answer: Answer) -> None:
        answer.begin()
        for piece in pieces:
            answer.chunk(piece)

    return script


def hang(*pieces: str) -> Script:
    """An answer that goes silent and is whole once the stub is released."""

    def script(answer: Answer) -> None:
        answer.begin()
        for piece in pieces:
            answer.chunk(piece)
        answer.stall()
        answer.end()

    return script


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients leave; that is no news."""


class VllmStub:
    """The server. Owner: a test, which closes it.

    `scripts` are the next answers, in order; `usual` is every other one. `cards` and `health`
    can be changed at any time.
    """

    def __init__(self, usual: Script | None = None) -> None:
        self.usual = usual or say(" Hello", ", world.")
        self.scripts: list[Script] = []
        self.cards: object = {"data": [{"id": MODEL, "root": MODEL, "max_model_len": 32768}]}
        self.health = 200
        self.forms: list[dict[str, bytes]] = []
        self.keys: list[str | None] = []
        self.released = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.keys.append(self.headers.get("authorization"))
                answer = Answer(self, stub.released)
                if self.path == "/health":
                    answer.status(stub.health)
                else:
                    answer.status(200, json.dumps(stub.cards))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                stub.forms.append(_form(self.headers["content-type"], body))
                script = stub.scripts.pop(0) if stub.scripts else stub.usual
                try:
                    script(Answer(self, stub.released))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Refuse connections from now on; answers that hang are let go."""
        self.released.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


def _form(content_type: str, body: bytes) -> dict[str, bytes]:
    head = f"content-type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    assert isinstance(message, EmailMessage)
    form: dict[str, bytes] = {}
    for part in message.iter_parts():
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        form[str(part.get_param("name", header="content-disposition"))] = payload
    return form
