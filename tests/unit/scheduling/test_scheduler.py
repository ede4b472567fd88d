"""Utterances over real worker processes: order, cancellation, deaths."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from auricle.audio.waveform import Waveform
from auricle.engines.protocol import DecodeOptions, Failed, Final, Ticket, Utterance
from auricle.engines.registry import EngineSpec
from auricle.errors import EngineFailed
from auricle.scheduling.scheduler import Scheduler
from auricle.settings import load
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable

CLIP = Path(__file__).parents[2] / "data" / "ask-not.flac"
PATIENCE_S = 120


@pytest.fixture(scope="module")
def spec() -> EngineSpec:
    settings, _ = load()
    row = ModelTable.load().configured("whisper-base")
    store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
    return EngineSpec("ctranslate2", str(store.resolve(row)), beam_size=1)


@pytest.fixture
async def scheduler(spec: EngineSpec) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(spec, 1)
    await scheduler.start()
    yield scheduler
    await scheduler.close()


@pytest.fixture(scope="module")
def speech() -> Waveform:
    with av.open(str(CLIP)) as container:
        frames = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
    samples: Waveform = np.concatenate(frames).astype(np.float32)
    return samples / np.float32(32768)


async def decode(scheduler: Scheduler, waveform: Waveform, request: str = "") -> Final | Failed:
    ticket = Ticket(request=request)
    async with (
        asyncio.timeout(PATIENCE_S),
        aclosing(scheduler.submit(Utterance(waveform), DecodeOptions(), ticket)) as events,
    ):
        async for event in events:
            if isinstance(event, Final | Failed):
                return event
    raise AssertionError("no last event")


def text_of(event: Final | Failed) -> str:
    assert isinstance(event, Final), event
    return " ".join(segment.text for segment in event.hypothesis.segments)


async def test_an_utterance_is_decoded(scheduler: Scheduler, speech: Waveform) -> None:
    assert "your country" in text_of(await decode(scheduler, speech))


async def test_the_wait_for_an_engine_is_told(scheduler: Scheduler, speech: Waveform) -> None:
    first, second = await asyncio.gather(decode(scheduler, speech), decode(scheduler, speech))
    assert isinstance(first, Final)
    assert isinstance(second, Final)
    assert 0 <= first.queue_s < second.queue_s


async def test_a_worker_killed_in_the_middle_is_replaced_and_its_work_done(
    scheduler: Scheduler, speech: Waveform
) -> None:
    (first,) = scheduler.worker_pids
    task = asyncio.create_task(decode(scheduler, speech))
    await asyncio.sleep(0)  # the utterance is with the worker
    os.kill(first, signal.SIGKILL)
    assert "your country" in text_of(await task)
    assert scheduler.worker_pids != [first]
    assert scheduler.n_restarts == 1


async def test_an_utterance_that_kills_two_workers_fails_and_others_go_on(
    scheduler: Scheduler, speech: Waveform
) -> None:
    task = asyncio.create_task(decode(scheduler, speech))
    killed: set[int] = set()
    async with asyncio.timeout(PATIENCE_S):
        while not task.done():
            for pid in set(scheduler.worker_pids) - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            await asyncio.sleep(0.01)
    assert isinstance(task.result(), Failed)
    assert len(killed) >= 2
    assert "your country" in text_of(await decode(scheduler, speech))


async def test_leaving_takes_a_waiting_utterance_out_of_the_queue(
    scheduler: Scheduler, speech: Waveform
) -> None:
    running = asyncio.create_task(decode(scheduler, speech, "running"))
    waiting = asyncio.create_task(decode(scheduler, speech, "waiting"))
    await asyncio.sleep(0)
    assert scheduler.queue_length == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert scheduler.queue_length == 0
    assert "your country" in text_of(await running)


async def test_leaving_frees_the_slot(scheduler: Scheduler, speech: Waveform) -> None:
    leaver = asyncio.create_task(decode(scheduler, speech, "leaver"))
    await asyncio.sleep(0)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    assert "your country" in text_of(await decode(scheduler, speech, "next"))


async def test_one_request_leaves_slots_to_others(spec: EngineSpec, speech: Waveform) -> None:
    scheduler = Scheduler(replace(spec, engine="openvino", slots=8), 1)
    await scheduler.start()
    assert scheduler.info.kept_slots == 4
    mine = [asyncio.create_task(decode(scheduler, speech, "mine")) for _ in range(7)]
    await asyncio.sleep(0)
    assert scheduler.queue_length == 3
    other = asyncio.create_task(decode(scheduler, speech, "other's"))
    await asyncio.sleep(0)
    assert scheduler.queue_length == 3
    assert all(isinstance(end, Final) for end in await asyncio.gather(other, *mine))
    await scheduler.close()


async def test_closing_fails_who_still_waits(spec: EngineSpec, speech: Waveform) -> None:
    scheduler = Scheduler(spec, 1)
    await scheduler.start()
    tasks = [asyncio.create_task(decode(scheduler, speech, str(i))) for i in range(3)]
    await asyncio.sleep(0)
    await scheduler.close()
    assert all(isinstance(event, Failed) for event in await asyncio.gather(*tasks))


async def test_damaged_weights_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no weights")
    scheduler = Scheduler(EngineSpec("ctranslate2", str(tmp_path)), 1)
    with pytest.raises(EngineFailed, match="did not start"):
        await scheduler.start()
    await scheduler.close()


async def test_workers_end_with_the_scheduler(spec: EngineSpec) -> None:
    scheduler = Scheduler(spec, 1)
    await scheduler.start()
    (pid,) = scheduler.worker_pids
    await scheduler.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
