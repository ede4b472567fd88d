"""Tiny checkpoints of Voxtral, what plain `generate` makes of them, and real vLLM servers."""

import json
import subprocess
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from auricle.audio.decode_limits import DecodeLimits
from auricle.audio.waveform import Waveform
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Final,
    Hypothesis,
    Ticket,
    Utterance,
)
from auricle.engines.voxtral.vllm_dialect import wav_of
from auricle.frontend.pool import FrontEndPool
from auricle.pipeline.options import TranscribeOptions
from auricle.pipeline.transcribe import Transcriber
from auricle.transcript.joining import join_texts
from contract.conftest import driver, driver_of, kind
from contract.sdk import Driver, Sdk, SdkKind
from harness.long_recording import say_repeatedly
from harness.media import decode
from harness.server import Server
from harness.speech import ASK_NOT, GERMAN, JFK
from harness.transformers import OFFLINE, PYTHON, make_checkpoints
from harness.vad import vad_file
from harness.vllm import KEY, Vllm

MINI = "voxtral-mini-3b-2507"
NAME = "mistralai/Voxtral-Mini-3B-2507"
_GOLDEN: dict[str, dict[str, dict[str, str]]] = json.loads(
    Path(__file__).with_name("golden.json").read_text("utf-8")
)
GOLDEN = _GOLDEN["waveforms"]
"""What plain `generate` says, by checkpoint and waveform, single-spaced."""
GOLDEN_RECORDINGS = _GOLDEN["recordings"]
"""The same of whole recordings, in the windows in which Auricle hands them to its engines."""
IN_FRONT_OF_VLLM = [
    pytest.mark.voxtral,
    pytest.mark.needs("vllm"),
    pytest.mark.needs("transformers"),
]
"""Marks of a module that starts vLLM, which takes minutes."""

__all__ = ["driver", "driver_of", "kind"]  # fixtures

TextsOf = Callable[..., list[str]]
"""Texts of waveforms, by the checkpoint `mini` or another one."""


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the checkpoints `mini` and `realtime`, always the same bytes."""
    folder = tmp_path_factory.mktemp("checkpoints")
    make_checkpoints(folder)
    return folder


@pytest.fixture(scope="session")
def waveforms() -> dict[str, Waveform]:
    """Three clips, and a piece of one: four lengths, in samples that a WAV file can hold."""
    clips = {"jfk": JFK, "ask_not": ASK_NOT, "german": GERMAN}
    decoded = {name: decode(clip.path)[0] for name, clip in clips.items()}
    whole = {
        name: (np.rint(each * 32767.0) / 32768.0).astype(np.float32)
        for name, each in decoded.items()
    }
    return {**whole, "three seconds": whole["jfk"][:48_000]}


@pytest.fixture(scope="session")
def vllms(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Vllm]]:
    folder = tmp_path_factory.mktemp("vllm")
    started = [Vllm(folder / f"log-{n}", checkpoints / "mini", NAME) for n in range(2)]
    try:
        for vllm in started:
            vllm.await_ready()
        yield started
    finally:
        for vllm in started:
            vllm.kill()


@pytest.fixture(scope="session")
def voxtral_server(vllms: list[Vllm], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Auricle with Whisper as the default and Voxtral beside it."""
    running = Server(
        tmp_path_factory.mktemp("server") / "log",
        models=MINI,
        vllm_urls=",".join(vllm.url for vllm in vllms),
        vllm_api_key=KEY,
        workers="1",
        decoders="1",
    )
    yield running
    assert running.stop() == 0, running.log[-5000:]


@pytest.fixture
def sdk_of_voxtral(kind: SdkKind, driver: Driver, voxtral_server: Server) -> Sdk:
    """Every SDK in every style, bound to that server."""
    return Sdk(driver, kind.style, voxtral_server.url)


@pytest.fixture(scope="session")
def plain_texts(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> TextsOf:
    """What plain `generate` of transformers says to each of some waveforms."""
    folder = tmp_path_factory.mktemp("plain")

    def texts_of(waveforms: list[Waveform], checkpoint: str = "mini") -> list[str]:
        paths = [folder / f"{n}.wav" for n in range(len(waveforms))]
        for path, waveform in zip(paths, waveforms, strict=True):
            path.write_bytes(wav_of(Utterance(waveform)))
        script = Path(__file__).with_name("plain_generate.py")
        command = [PYTHON, script, checkpoints / checkpoint, *paths]
        output = subprocess.run(command, env=OFFLINE, check=True, stdout=subprocess.PIPE)
        return [json.loads(line) for line in output.stdout.splitlines()]

    return texts_of


@pytest.fixture(scope="session")
def half_a_minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of speech and more: several windows."""
    return say_repeatedly(JFK, 4, tmp_path_factory.mktemp("half-a-minute") / "long.wav")


async def windows_of(recording: Path) -> list[Waveform]:
    """The windows in which Auricle hands a recording to its engines."""
    windows: list[Waveform] = []

    async def submit(
        utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        windows.append(utterance.waveform)
        yield Final(Hypothesis((), "en", 1.0, 0.0, utterance.duration_s))

    pool = FrontEndPool(1, vad_file(), DecodeLimits(), 1 << 30)
    await pool.start()
    try:
        transcriber = Transcriber(submit, max_in_flight=1)
        blocks = pool.read(recording)
        options = TranscribeOptions(language="en")
        async with aclosing(transcriber.transcribe(blocks, options, Ticket())) as events:
            async for _ in events:
                pass
    finally:
        await pool.close()
    return windows


def joined(texts: list[str]) -> str:
    """Texts of windows as one transcript."""
    return join_texts(" ".join(text.split()) for text in texts)
