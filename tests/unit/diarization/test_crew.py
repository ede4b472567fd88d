import asyncio
import os
import signal
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from auricle.diarization.analysis import analyse
from auricle.diarization.clustering import Projection
from auricle.diarization.codec import unpack
from auricle.diarization.crew import DiarizerCrew
from auricle.diarization.networks import Networks
from auricle.diarization.turns import resolve
from auricle.diarization.windows import AudioWindow
from auricle.errors import EngineFailed, Unavailable
from harness.conversation import conversation

WINDOW = AudioWindow(0, conversation()[0][:48_000])


@pytest_asyncio.fixture
async def crew() -> AsyncIterator[DiarizerCrew]:
    running = DiarizerCrew(1)
    yield running
    await running.close()


async def test_a_process_answers_as_the_functions_do(crew: DiarizerCrew) -> None:
    assert crew.pids == frozenset()  # nothing runs before it is needed
    packed = await crew.analyse(WINDOW)
    (theirs,) = unpack(packed)
    ours = analyse(WINDOW, Networks())
    np.testing.assert_array_equal(theirs.sets, ours.sets)
    speakers = await crew.resolve([packed], 48_000, None)
    assert speakers.turns == resolve([theirs], 48_000, Projection.load()).turns
    assert len(speakers.turns) == 1
    pids = crew.pids
    asking = asyncio.create_task(crew.analyse(WINDOW))
    await asyncio.sleep(0)
    asking.cancel()  # who leaves does not take the process along
    assert await crew.analyse(WINDOW) == packed
    assert crew.pids == pids


async def test_a_dead_process_is_replaced(crew: DiarizerCrew) -> None:
    before = await crew.analyse(WINDOW)
    (pid,) = crew.pids
    os.kill(pid, signal.SIGKILL)
    assert await crew.analyse(WINDOW) == before
    assert crew.pids != {pid}


async def test_what_no_process_can_do_fails(crew: DiarizerCrew) -> None:
    with pytest.raises(EngineFailed):
        await crew.resolve([b"nonsense"], 1, None)


async def test_closing_ends_the_processes(crew: DiarizerCrew) -> None:
    await crew.analyse(WINDOW)
    (pid,) = crew.pids
    asking = asyncio.create_task(crew.analyse(WINDOW))
    await asyncio.sleep(0)
    await crew.close()
    with pytest.raises(Unavailable):
        await asking
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
