"""SIGTERM while every permit is in use: what was accepted is answered, what comes later is not."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from auricle.scoring.text import normalize_basic
from harness.metrics import metrics_of
from harness.server import Server
from harness.speech import ASK_NOT
from harness.transcribe import post
from harness.waiting import eventually

pytestmark = pytest.mark.long

N_CLIENTS = 24


def test_accepted_requests_finish_under_load(tmp_path: Path) -> None:
    server = Server(tmp_path / "log", grace_s="600", max_requests=str(N_CLIENTS))
    with ThreadPoolExecutor(N_CLIENTS) as pool, server.client() as probe:
        answers = [pool.submit(ask, server) for _ in range(N_CLIENTS)]
        eventually(lambda: metrics_of(server)["auricle_transcriptions_in_work"] == N_CLIENTS)
        server.send_signal(signal.SIGTERM)
        eventually(lambda: probe.get("/health/ready").status_code == 503)
        assert ask(server).status_code == 503
        for answer in answers:
            assert answer.result().status_code == 200
            assert normalize_basic(answer.result().json()["text"]) == ASK_NOT.words
    assert server.wait() == 0


def ask(server: Server) -> httpx.Response:
    with server.client() as client:
        return post(client, ASK_NOT.path)
