"""Our own runtime in copies of one process: nothing is loaded twice, and all cores are used."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.engines.protocol import DecodeOptions, Failed, Final, Ticket, Utterance
from auricle.engines.registry import EngineSpec
from auricle.scheduling.scheduler import Scheduler
from auricle.settings import load
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable
from harness.watching import eventually, parent_of

if sys.platform != "linux":
    pytest.skip("elsewhere nothing is copied", allow_module_level=True)

PATIENCE_S = 120
N_OWN_THREADS = 2
"""Of a worker: one works, one reads."""


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    settings, _ = load()
    row = ModelTable.load().configured("whisper-base")
    store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
    graphs = str(settings.cache_dir / "graphs")
    spec = EngineSpec("openvino", str(store.resolve(row)), n_cores=2, graphs_folder=graphs)
    scheduler = Scheduler(spec, 2)
    async with asyncio.timeout(PATIENCE_S):
        await scheduler.start()
        await eventually(lambda: len(scheduler.worker_pids) == 2, "both workers are up")
        yield scheduler
        await scheduler.close()


def noise() -> Waveform:
    samples = np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE)
    return (samples * 1e-3).astype(np.float32)


async def decode(scheduler: Scheduler) -> Final | Failed:
    options = DecodeOptions(language="en")
    utterance = Utterance(noise())
    async with aclosing(scheduler.submit(utterance, options, Ticket(request="r"))) as events:
        async for event in events:
            if isinstance(event, Final | Failed):
                return event
    raise AssertionError("no last event")


def own_bytes(pid: int) -> int:
    """Memory that no other process shares."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(
        int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Private_")
    )


async def test_weights_and_graphs_are_held_once(scheduler: Scheduler) -> None:
    assert all(own_bytes(pid) < 100 << 20 for pid in scheduler.worker_pids)  # whole: 300


async def test_a_copy_has_helpers_for_the_encoder(scheduler: Scheduler) -> None:
    await asyncio.gather(*(decode(scheduler) for _ in range(2)))
    n_threads = [len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in scheduler.worker_pids]
    assert min(n_threads) > N_OWN_THREADS or os.cpu_count() == 1


async def test_the_work_of_copies_that_end_together_is_done(scheduler: Scheduler) -> None:
    """As when the process ends that they are copies of: neither's work goes to the other."""
    killed = set(scheduler.worker_pids)
    (server,) = {parent_of(pid) for pid in killed}
    tasks = [asyncio.create_task(decode(scheduler)) for _ in range(2)]
    await asyncio.sleep(0)  # both are with their workers
    os.kill(server, signal.SIGKILL)
    assert all(isinstance(end, Final) for end in await asyncio.gather(*tasks))
    assert not killed & set(scheduler.worker_pids)
