"""A client that leaves frees all its work: the permit, the decoder, the windows in the queue."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

from e2e.conftest import SMALL, StartServer
from harness.metrics import metrics_of
from harness.server import KEY, Server
from harness.sse import Stream
from harness.transcribe import MODEL, PATH
from harness.waiting import eventually
from unit.server.raw_http import form, head


def test_blocking_and_streaming(start_server: StartServer, long_recording: Path) -> None:
    server = start_server(**SMALL)
    request = form([("model", MODEL)], long_recording.read_bytes())
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port or 80)) as connection:
        connection.sendall(head(PATH, len(request), f"x-api-key: {KEY}") + request)
        eventually(lambda: metrics_of(server)["auricle_transcriptions_in_work"] == 1)
    await_rest(server)
    with server.client() as client, Stream(client, long_recording) as stream:
        stream.read_until("transcription.text.delta")
        assert metrics_of(server)["auricle_transcriptions_in_work"] == 1
    await_rest(server)
    assert server.stop() == 0


def await_rest(server: Server) -> None:
    def is_at_rest() -> bool:
        metrics = metrics_of(server)
        return (
            metrics["auricle_transcriptions_in_work"]
            == metrics["auricle_queued_utterances"]
            == metrics["auricle_queued_audio_seconds"]
            == 0
        )

    eventually(is_at_rest, lambda: f"still at work: {metrics_of(server)}")
