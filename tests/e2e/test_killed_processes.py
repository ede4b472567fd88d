"""kill -9 of engine workers and decoders while they work: only what they held may suffer."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from auricle.scoring.text import normalize_basic
from e2e.conftest import SMALL, StartServer
from harness.long_recording import say_repeatedly
from harness.processes import DECODER, ENGINE_WORKER, kill_all, loaders, workers
from harness.server import Server
from harness.speech import ASK_NOT, JFK
from harness.sse import Stream
from harness.transcribe import post
from harness.waiting import eventually

pytestmark = pytest.mark.needs("procfs")


def test_a_stream_survives_the_death_of_its_engine_worker(
    start_server: StartServer, long_recording: Path
) -> None:
    server = start_server(**SMALL)
    with server.client() as client:
        with Stream(client, long_recording) as stream:
            stream.read_until("transcription.text.delta")
            kill_all(workers(server.pid, ENGINE_WORKER))
            done = stream.read_to_the_end()[-1]
        assert done["type"] == "transcription.done"
        undisturbed = post(client, long_recording).json()["text"]
        assert stream.text == done["text"] == undisturbed
    assert server.stop() == 0


def test_a_stream_whose_utterance_kills_two_workers_is_broken_off(
    start_server: StartServer, long_recording: Path
) -> None:
    server = start_server(**SMALL)
    with server.client() as client:
        with Stream(client, long_recording) as stream:
            stream.read_until("transcription.text.delta")
            with killing_every_worker(server), pytest.raises(httpx.RemoteProtocolError):
                stream.read_to_the_end()
        assert stream.events[-1]["object"] == "error"
        assert stream.events[-1]["raw_status_code"] == 500
        assert_unharmed(client)
    assert server.stop() == 0


@contextmanager
def killing_every_worker(server: Server) -> Iterator[None]:
    """Kill the engine workers whenever they are up."""
    over = threading.Event()

    def kill() -> None:
        with server.client() as client:
            while not over.wait(0.1):
                if client.get("/health/ready").is_success:
                    kill_all(workers(server.pid, ENGINE_WORKER))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def test_the_death_of_a_decoder_fails_one_request_alone(
    start_server: StartServer, tmp_path: Path
) -> None:
    # More than the pipeline reads ahead, so that the decoder is still at it after the first text.
    recording = say_repeatedly(JFK, 60, tmp_path / "twelve-minutes.wav")
    server = start_server(**SMALL)
    with server.client() as client:
        with Stream(client, recording) as stream:
            stream.read_until("transcription.text.delta")
            kill_all(workers(server.pid, DECODER))
            with pytest.raises(httpx.RemoteProtocolError):
                stream.read_to_the_end()
        assert stream.events[-1]["raw_status_code"] == 400
        assert stream.events[-1]["code"] == "3051"
        assert_unharmed(client)
    assert server.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is copied")
def test_the_death_of_the_processes_that_are_copied_is_survived(
    start_server: StartServer, long_recording: Path
) -> None:
    server = start_server(**SMALL)
    with server.client() as client:
        with Stream(client, long_recording) as stream:
            stream.read_until("transcription.text.delta")
            kill_all(loaders(server.pid, ENGINE_WORKER))
            done = stream.read_to_the_end()[-1]
        assert done["type"] == "transcription.done"
        kill_all(loaders(server.pid, DECODER))
        eventually(lambda: workers(server.pid, DECODER) != loaders(server.pid, DECODER))
        assert post(client, long_recording).json()["text"] == done["text"]
    assert server.stop() == 0


def assert_unharmed(client: httpx.Client) -> None:
    assert normalize_basic(post(client, ASK_NOT.path).json()["text"]) == ASK_NOT.words
