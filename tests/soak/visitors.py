"""What strangers do to a server: one visit each, good or not, and what must come of it."""

import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from auricle.scoring.text import normalize_basic
from harness.mutants import MEDIA, mutate
from harness.server import KEY, Server
from harness.speech import ASK_NOT, large_set
from harness.sse import Stream
from harness.transcribe import MODEL, PATH, post
from unit.server.raw_http import form, head

PAUSE_S = 0.05
"""Between two pieces of a slow sender."""
DISTURBED = "disturbed"
"""What a good visit ends with when the process that served it was killed twice, or decoded."""
ORIGINALS = {kind: MEDIA[kind]() for kind in ("flac", "mp3", "ogg")}
HOSTILE = [r.path for r in large_set() if r.kind == "hostile"]


class Visitor:
    """One visit to a server. Each method is a kind of it and returns how it ended."""

    def __init__(self, server: Server, rng: random.Random, folder: Path) -> None:
        self._server = server
        self._rng = rng
        self._folder = folder

    def good(self) -> str:
        """A clip, answered with its words."""
        with self._server.client() as client:
            answer = post(client, ASK_NOT.path, timestamp_granularities="word")
        if is_disturbed(answer.status_code, answer.text):
            return DISTURBED
        assert answer.status_code == 200, answer.text
        assert normalize_basic(answer.json()["text"]) == ASK_NOT.words
        return "good"

    def streamed(self) -> str:
        """A clip, answered event by event."""
        with self._server.client() as client:
            stream = Stream(client, ASK_NOT.path)
            try:
                with stream:
                    stream.read_to_the_end()
            except AssertionError as refusal:
                if is_disturbed(400, str(refusal)):
                    return DISTURBED
                raise
            except httpx.RemoteProtocolError:
                error = stream.events[-1]
                if is_disturbed(error["raw_status_code"], error["message"]):
                    return DISTURBED
                raise
        assert normalize_basic(stream.text) == ASK_NOT.words
        return "streamed"

    def hostile(self) -> str:
        """A file made to break a decoder: an answer or a refusal."""
        path = self._rng.choice(HOSTILE) if HOSTILE else self._damaged()
        with self._server.client() as client:
            answer = post(client, path)
        assert answer.status_code in {200, 400, 413}, answer.text
        return "hostile"

    def damaged(self) -> str:
        """A clip with errors."""
        with self._server.client() as client:
            answer = post(client, self._damaged())
        assert answer.status_code in {200, 400, 413}, answer.text
        return "damaged"

    def refused(self) -> str:
        """A request that is wrong, with a body that is read or not."""
        fields, key, status = self._rng.choice(
            [
                ({"language": "english"}, KEY, 422),
                ({"model": "none"}, KEY, 400),
                ({}, "wrong", 401),
                ({"file_url": "http://127.0.0.1:1/"}, KEY, 422),
            ]
        )
        with self._server.client(key) as client:
            answer = post(client, ASK_NOT.path, **fields)
        assert answer.status_code == status, answer.text
        return "refused"

    def left_while_sending(self) -> str:
        """A connection that breaks off within its body."""
        body = self._form()
        with self._connect() as connection:
            connection.sendall(self._head(len(body)) + body[: self._rng.randrange(len(body))])
        return "left while sending"

    def left_while_waiting(self) -> str:
        """A client that does not wait for its answer."""
        body = self._form()
        with self._connect() as connection:
            connection.sendall(self._head(len(body)) + body)
            time.sleep(self._rng.random())
        return "left while waiting"

    def left_while_reading(self) -> str:
        """A stream that is closed after its first event."""
        with self._server.client() as client:
            try:
                with Stream(client, ASK_NOT.path) as stream:
                    stream.read()
            except (httpx.RemoteProtocolError, AssertionError):
                return DISTURBED
        return "left while reading"

    def slow(self) -> str:
        """A clip that arrives in small pieces."""
        body = self._form()
        with self._connect() as connection:
            connection.sendall(self._head(len(body)))
            for at in range(0, len(body), size := len(body) // 20 + 1):
                connection.sendall(body[at : at + size])
                time.sleep(PAUSE_S)
            status = int(connection.recv(4096).split()[1])
        if status in {400, 500}:
            return DISTURBED
        assert status == 200
        return "slow"

    def _damaged(self) -> Path:
        data = mutate(ORIGINALS[self._rng.choice(list(ORIGINALS))], self._rng)
        path = self._folder / f"damaged-{self._rng.getrandbits(64):x}"
        path.write_bytes(data)
        return path

    def _form(self) -> bytes:
        return form([("model", MODEL)], ASK_NOT.path.read_bytes())

    def _head(self, n_bytes: int) -> bytes:
        return head(PATH, n_bytes, f"x-api-key: {KEY}")

    def _connect(self) -> socket.socket:
        address = urlsplit(self._server.url)
        return socket.create_connection((address.hostname, address.port or 80), 240)


KINDS: list[tuple[int, Callable[[Visitor], str]]] = [
    (25, Visitor.good),
    (15, Visitor.streamed),
    (12, Visitor.hostile),
    (12, Visitor.damaged),
    (12, Visitor.refused),
    (6, Visitor.left_while_sending),
    (6, Visitor.left_while_waiting),
    (6, Visitor.left_while_reading),
    (6, Visitor.slow),
]
"""Kinds of visits, and how often of a hundred."""


def is_disturbed(status: int, text: str) -> bool:
    """Whether an answer says that a process was killed under it."""
    return (status == 400 and "gave up" in text) or status == 500
