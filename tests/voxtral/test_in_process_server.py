"""An official SDK in front of Auricle with Voxtral in process, both classes in one server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.sdk import KINDS, Driver, Sdk, upload
from harness.server import Server
from harness.speech import ASK_NOT
from harness.sse import Stream
from harness.transcribe import post
from harness.transformers import OFFLINE, PYTHON
from voxtral.conftest import GOLDEN_RECORDINGS

pytestmark = pytest.mark.needs("transformers")

ROW = """
[[models]]
id = "tiny-{checkpoint}"
engine = "transformers"
kind = "{kind}"
name = "Tiny"
description = "A tiny checkpoint in the real format."
created = 1
owned_by = "me"
languages = ["en", "de"]
size = "tiny"
folder = "{folder}"
"""
KIND_OF = {"mini": "voxtral", "realtime": "voxtral-realtime"}


@pytest.fixture(scope="module")
def server(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("in-process")
    table = folder / "models.toml"
    rows = [
        ROW.format(checkpoint=checkpoint, kind=kind, folder=checkpoints / checkpoint)
        for checkpoint, kind in KIND_OF.items()
    ]
    table.write_text("".join(rows))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in OFFLINE.items():
            patch.setenv(name, value)
        running = Server(
            folder / "log",
            command=(PYTHON, "-m", "auricle.cli"),
            models="tiny-mini,tiny-realtime",
            model_table=str(table),
            workers="1",
            decoders="1",
        )
    yield running
    assert running.stop() == 0, running.log[-5000:]


@pytest.fixture(scope="module")
def sdk(server: Server) -> Iterator[Sdk]:
    kind = KINDS[0]
    driver = Driver(kind.command)
    yield Sdk(driver, kind.style, server.url)
    driver.close()


@pytest.mark.parametrize("checkpoint", KIND_OF)
def test_texts_streams_and_usage(
    sdk: Sdk, server: Server, half_a_minute: Path, checkpoint: str
) -> None:
    model, long = f"tiny-{checkpoint}", half_a_minute
    known = GOLDEN_RECORDINGS[checkpoint]
    short_text, long_text = known["ask_not"], known["long"]

    answer = sdk.complete(model=model, file=upload(ASK_NOT.path), timestamp_granularities=["word"])
    assert answer["text"] == short_text
    assert [word["text"] for word in answer["segments"]] == short_text.split()
    usage = answer["usage"]
    assert usage["completion_tokens"] > 0
    assert usage["total_tokens"] == 4 + usage["completion_tokens"] + 375

    events = list(sdk.stream(model=model, file=upload(long)))
    deltas = [e["data"]["text"] for e in events if e["event"] == "transcription.text.delta"]
    assert "".join(deltas) == events[-1]["data"]["text"] == long_text
    assert all(deltas)
    assert len(deltas) > len(long_text.split()) / 2

    together = {ASK_NOT.path: short_text, long: long_text}
    with server.client() as client, ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda path: post(client, path, model=model), together))
    assert [answer.json()["text"] for answer in answers] == list(together.values())


@pytest.mark.parametrize("checkpoint", KIND_OF)
def test_whoever_leaves_is_forgotten(server: Server, half_a_minute: Path, checkpoint: str) -> None:
    model = f"tiny-{checkpoint}"
    with server.client() as client:
        for _ in range(3):
            with Stream(client, half_a_minute, model=model) as stream:
                assert stream.read_until("transcription.text.delta")
        answer = post(client, ASK_NOT.path, model=model).json()
        assert answer["text"] == GOLDEN_RECORDINGS[checkpoint]["ask_not"]
