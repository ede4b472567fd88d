"""Starting, stopping and starting again."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from auricle.scoring.text import normalize_basic
from e2e.conftest import SMALL, StartServer
from harness.processes import DECODER, ENGINE_WORKER, loaders, workers
from harness.server import Server
from harness.speech import ASK_NOT
from harness.sse import Stream
from harness.transcribe import post
from harness.waiting import eventually


def test_two_servers_start_at_once_on_one_cache(start_server: StartServer) -> None:
    with ThreadPoolExecutor(2) as pool:
        servers = list(pool.map(lambda _: start_server(**SMALL), range(2)))
    for server in servers:
        with server.client() as client:
            assert normalize_basic(post(client, ASK_NOT.path).json()["text"]) == ASK_NOT.words
        assert server.stop() == 0


def test_a_restarted_server_takes_the_same_port(start_server: StartServer) -> None:
    first = start_server(**SMALL)
    with first.client() as client:  # leaves a connection open, as clients do
        assert client.get("/v1/models").is_success
        assert first.stop() == 0
    port = str(httpx.URL(first.url).port)
    second = start_server(**SMALL, port=port)
    assert second.url == first.url
    with second.client() as client:
        assert post(client, ASK_NOT.path).is_success
    assert second.stop() == 0


def test_sigterm_lets_accepted_requests_finish(
    start_server: StartServer, long_recording: Path
) -> None:
    server = start_server(**SMALL)
    with server.client() as client, Stream(client, long_recording) as stream:
        stream.read_until("transcription.text.delta")
        server.send_signal(signal.SIGTERM)
        _await_draining(server)
        with server.client() as late:
            refused = post(late, ASK_NOT.path)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert stream.read_to_the_end()[-1]["type"] == "transcription.done"
    assert server.wait() == 0


def test_a_stream_that_cannot_finish_in_the_grace_period_is_broken_off(
    start_server: StartServer, long_recording: Path
) -> None:
    server = start_server(**SMALL, grace_s="0.1")
    with server.client() as client, Stream(client, long_recording) as stream:
        stream.read_until("transcription.text.delta")
        server.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.RemoteProtocolError):
            stream.read_to_the_end()
        assert stream.events[-1]["object"] == "error"
        assert stream.events[-1]["raw_status_code"] == 503
    assert server.wait() == 0


@pytest.mark.needs("procfs")
def test_what_was_begun_for_the_usual_engine_ends_where_another_serves(
    start_server: StartServer,
) -> None:
    server = start_server(**SMALL, engine="ctranslate2")
    (worker,) = loaders(server.pid, ENGINE_WORKER)
    assert workers(server.pid, ENGINE_WORKER) == {worker}
    assert server.stop() == 0


@pytest.mark.needs("procfs")
def test_a_killed_server_leaves_no_processes(start_server: StartServer) -> None:
    server = start_server(**SMALL)
    modules = ENGINE_WORKER, DECODER
    pids = {pid for module in modules for pid in workers(server.pid, module)}
    pids |= {pid for module in modules for pid in loaders(server.pid, module)}
    assert len(pids) > 1
    server.kill()
    eventually(lambda: not any(_runs(pid) for pid in pids))


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _await_draining(server: Server) -> None:
    with server.client() as client:
        eventually(lambda: client.get("/health/ready").status_code == 503)
