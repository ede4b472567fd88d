"""An official SDK in front of Auricle with Voxtral in process, both classes in one server."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.sdk import KINDS, Driver, Sdk, upload
from harness.long_recording import say_repeatedly
from harness.server import Server
from harness.speech import ASK_NOT, JFK
from harness.sse import Stream
from harness.transcribe import post
from harness.vllm import CHECKPOINTS, ENVIRONMENT
from voxtral.conftest import TextsOf, joined, windows_of

WITH_TORCH = Path(__file__).with_name("with_torch")
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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("in-process")
    table = folder / "models.toml"
    rows = [
        ROW.format(checkpoint=checkpoint, kind=kind, folder=CHECKPOINTS / checkpoint)
        for checkpoint, kind in KIND_OF.items()
    ]
    table.write_text("".join(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(WITH_TORCH))
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        running = Server(
            folder / "log",
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


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of speech and more: several windows."""
    return say_repeatedly(JFK, 4, tmp_path_factory.mktemp("long") / "long.wav")


@pytest.mark.parametrize("checkpoint", KIND_OF)
def test_texts_streams_and_usage(
    sdk: Sdk, server: Server, long: Path, plain_texts: TextsOf, checkpoint: str
) -> None:
    model = f"tiny-{checkpoint}"
    windows = [asyncio.run(windows_of(recording)) for recording in (ASK_NOT.path, long)]
    assert len(windows[-1]) > 1
    texts = iter(plain_texts([each for of_one in windows for each in of_one], checkpoint))
    short_text, long_text = [joined([next(texts) for _ in of_one]) for of_one in windows]

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

    with server.client() as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda path: post(client, path, model=model), [long] * 4))
    assert {answer.json()["text"] for answer in answers} == {long_text}


@pytest.mark.parametrize("checkpoint", KIND_OF)
def test_whoever_leaves_is_forgotten(server: Server, long: Path, checkpoint: str) -> None:
    model = f"tiny-{checkpoint}"
    with server.client() as client:
        expected = post(client, ASK_NOT.path, model=model).json()["text"]
        for _ in range(3):
            with Stream(client, long, model=model) as stream:
                assert stream.read_until("transcription.text.delta")
        assert post(client, ASK_NOT.path, model=model).json()["text"] == expected
