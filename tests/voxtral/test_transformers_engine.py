"""Voxtral in process, in a real worker whose Python has torch and transformers."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    Failed,
    Final,
    Ticket,
    Utterance,
)
from auricle.engines.registry import EngineSpec
from auricle.engines.voxtral.model import VoxtralModel
from auricle.engines.voxtral.vllm_upstream import UpstreamOptions, VllmUpstream
from auricle.errors import EngineFailed
from auricle.scheduling.scheduler import Scheduler
from harness.media import decode
from harness.speech import ASK_NOT, GERMAN, JFK
from harness.vllm import CHECKPOINTS, ENVIRONMENT, KEY, VLLM_PYTHON, Vllm
from voxtral.conftest import NAME, TextsOf, joined

SOURCE = Path(__file__).parents[2] / "src"
WANT_OF_MEMORY = Path(__file__).with_name("want_of_memory")
DEADLINE_S = 300


@pytest.fixture(autouse=True)
def python_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers start in the environment that has the extra."""
    monkeypatch.setattr(sys, "executable", str(VLLM_PYTHON))
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["mini", "realtime"])
def checkpoint(request: pytest.FixtureRequest) -> str:
    """One of each class."""
    return str(request.param)


@pytest.fixture(scope="session")
def waveforms() -> list[Waveform]:
    """Three clips, and a piece of one: four lengths, in samples that a WAV file can hold."""
    decoded = [decode(clip.path)[0] for clip in (JFK, ASK_NOT, GERMAN)]
    whole = [(np.rint(each * 32767.0) / 32768.0).astype(np.float32) for each in decoded]
    return [*whole, whole[0][:48_000]]


@asynccontextmanager
async def running(checkpoint: str | Path = "mini", slots: int = 8) -> AsyncIterator[Scheduler]:
    folder = CHECKPOINTS / checkpoint
    spec = EngineSpec("transformers", str(folder), slots=slots, languages=("en", "de"))
    scheduler = Scheduler(spec, 1)
    try:
        await scheduler.start()
        yield scheduler
    finally:
        await scheduler.close()


async def hear(
    scheduler: Scheduler, waveform: Waveform, options: DecodeOptions | None = None
) -> list[DecodeEvent]:
    ticket = Ticket(request=str(len(waveform)))
    submitted = scheduler.submit(Utterance(waveform), options or DecodeOptions(), ticket)
    async with asyncio.timeout(DEADLINE_S), aclosing(submitted) as events:
        return [event async for event in events]


def text_of(events: list[DecodeEvent]) -> str:
    deltas = [event.text for event in events if isinstance(event, Delta)]
    assert all(deltas)
    final = events[-1]
    assert isinstance(final, Final), final
    assert "".join(deltas) == "".join(segment.text for segment in final.hypothesis.segments)
    return "".join(deltas)


async def test_texts_are_those_of_plain_generate_together_and_alone(
    checkpoint: str, waveforms: list[Waveform], plain_texts: TextsOf
) -> None:
    expected = [joined([text]) for text in plain_texts(waveforms, checkpoint)]
    async with running(checkpoint) as scheduler:
        alone = [await hear(scheduler, waveform) for waveform in waveforms]
        together = await asyncio.gather(*(hear(scheduler, waveform) for waveform in waveforms))
    assert [text_of(events) for events in alone] == expected
    assert [text_of(events) for events in together] == expected
    assert len(set(expected)) > 1
    assert all(len(events) > 2 for events in alone)  # token by token


async def test_texts_are_those_of_vllm(waveforms: list[Waveform], vllms: list[Vllm]) -> None:
    model = VoxtralModel(NAME, ("en",))
    upstream = VllmUpstream(vllms[-1].url, model, UpstreamOptions(api_key=KEY))
    async with running() as scheduler:
        for language in (None, "de"):
            options = DecodeOptions(language=language)
            for waveform in waveforms:
                pieces = [text async for text in upstream.transcribe(Utterance(waveform), options)]
                events = await hear(scheduler, waveform, options)
                assert text_of(events) == "".join(pieces)
    await upstream.close()


async def test_a_cancelled_row_leaves_the_others_as_they_were(
    checkpoint: str, waveforms: list[Waveform]
) -> None:
    async with running(checkpoint) as scheduler:
        expected = [text_of(await hear(scheduler, waveform)) for waveform in waveforms]
        left = scheduler.submit(Utterance(waveforms[0]), DecodeOptions(), Ticket(request="left"))
        others = [asyncio.create_task(hear(scheduler, waveform)) for waveform in waveforms[1:]]
        assert isinstance(await anext(left), Delta)
        await left.aclose()
        assert [text_of(await other) for other in others] == expected[1:]
        assert text_of(await hear(scheduler, waveforms[0])) == expected[0]


async def test_samples_of_a_temperature_repeat(waveforms: list[Waveform]) -> None:
    warm = DecodeOptions(temperature=1.0)
    async with running() as scheduler:
        first, second = [text_of(await hear(scheduler, waveforms[1], warm)) for _ in range(2)]
        assert first == second


async def test_realtime_answers_silence_with_nothing(waveforms: list[Waveform]) -> None:
    """Its tokens of padding are no loop, and the text behind them is heard."""
    silence = np.zeros(5 * SAMPLE_RATE, np.float32)
    behind_silence = np.concatenate([silence, waveforms[1]])
    async with running("realtime") as scheduler:
        assert text_of(await hear(scheduler, silence)) == ""
        assert text_of(await hear(scheduler, behind_silence))


async def test_another_class_of_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(EngineFailed, match=r"runs voxtral and voxtral_realtime .*, not whisper"):
        async with running(tmp_path):
            pass


async def test_want_of_memory_fails_its_own_rows_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, waveforms: list[Waveform]
) -> None:
    wanting = tmp_path / "module"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SOURCE), str(WANT_OF_MEMORY)]))
    monkeypatch.setenv("MODULE_THAT_WANTS_MEMORY", str(wanting))
    async with running("realtime") as scheduler:
        workers = scheduler.worker_pids
        expected = text_of(await hear(scheduler, waveforms[0]))
        wanting.write_text("VoxtralRealtimeEncoder 2")
        submitted = scheduler.submit(Utterance(waveforms[0]), DecodeOptions(), Ticket())
        first = [await anext(submitted)]  # it is under way
        refused = await hear(scheduler, waveforms[1])
        first += [event async for event in submitted]
        assert text_of(first) == expected
        wanting.write_text("VoxtralRealtimeTextModel 60")
        broken = await hear(scheduler, waveforms[0])
        wanting.unlink()
        assert text_of(await hear(scheduler, waveforms[0])) == expected
        assert scheduler.worker_pids == workers
    assert any(isinstance(event, Delta) for event in broken)
    for event in (refused[-1], broken[-1]):
        assert event == Failed("OutOfMemoryError: out of memory, as the test wants it")
