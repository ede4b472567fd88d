"""The engine `transformers` says what the seeded checkpoints are known to say."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.engines.protocol import DecodeOptions, Delta, Failed, Ticket, Utterance
from auricle.errors import EngineFailed
from auricle.scheduling.scheduler import Scheduler
from harness.transformers import CHECKPOINTS
from voxtral.conftest import GOLDEN
from voxtral.in_worker import hear, python_with_torch, running, text_of

pytestmark = [pytest.mark.needs("transformers"), pytest.mark.asyncio(loop_scope="module")]

WANT_OF_MEMORY = Path(__file__).with_name("want_of_memory")


@pytest.fixture(scope="module", params=CHECKPOINTS)
def checkpoint(request: pytest.FixtureRequest) -> str:
    """One of each class."""
    return str(request.param)


@pytest.fixture(scope="module")
def wanting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that names a module which finds no memory, while it exists."""
    return tmp_path_factory.mktemp("wanting") / "module"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scheduler(checkpoint: str, checkpoints: Path, wanting: Path) -> AsyncIterator[Scheduler]:
    with python_with_torch() as patch:
        patch.setenv("PYTHONPATH", str(WANT_OF_MEMORY))
        patch.setenv("MODULE_THAT_WANTS_MEMORY", str(wanting))
        async with running(checkpoints / checkpoint) as started:
            yield started


async def test_texts_are_the_known_ones_alone_and_together(
    scheduler: Scheduler, checkpoint: str, waveforms: dict[str, Waveform]
) -> None:
    expected = list(GOLDEN[checkpoint].values())
    alone = [await hear(scheduler, waveform) for waveform in waveforms.values()]
    together = await asyncio.gather(*(hear(scheduler, each) for each in waveforms.values()))
    assert [text_of(events) for events in alone] == expected
    assert [text_of(events) for events in together] == expected
    assert all(len(events) > 2 for events in alone)  # token by token


@pytest.mark.parametrize("n_heard", [0, 1, 2, 4])
async def test_a_row_cancelled_at_any_token_leaves_the_others_as_they_were(
    scheduler: Scheduler, checkpoint: str, waveforms: dict[str, Waveform], n_heard: int
) -> None:
    golden = GOLDEN[checkpoint]
    left = scheduler.submit(
        Utterance(waveforms["jfk"]), DecodeOptions(), Ticket(request="who leaves")
    )
    leaving = asyncio.create_task(anext(left))  # a generator submits when it is asked
    others = {
        name: asyncio.create_task(hear(scheduler, waveform))
        for name, waveform in waveforms.items()
        if name != "jfk"
    }
    if n_heard:
        assert isinstance(await leaving, Delta)
        for _ in range(n_heard - 1):
            assert isinstance(await anext(left), Delta)
    else:
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    await left.aclose()
    for name, other in others.items():
        assert text_of(await other) == golden[name]
    assert text_of(await hear(scheduler, waveforms["jfk"])) == golden["jfk"]


@pytest.mark.parametrize("checkpoint", ["mini"], indirect=True, scope="module")
async def test_samples_of_a_temperature_repeat(
    scheduler: Scheduler, waveforms: dict[str, Waveform]
) -> None:
    warm = DecodeOptions(temperature=1.0)
    first, second = [text_of(await hear(scheduler, waveforms["ask_not"], warm)) for _ in range(2)]
    assert first == second


@pytest.mark.parametrize("checkpoint", ["realtime"], indirect=True, scope="module")
async def test_realtime_answers_silence_with_nothing(
    scheduler: Scheduler, waveforms: dict[str, Waveform]
) -> None:
    """Its tokens of padding are no loop, and the text behind them is heard."""
    silence = np.zeros(5 * SAMPLE_RATE, np.float32)
    behind_silence = np.concatenate([silence, waveforms["ask_not"]])
    assert text_of(await hear(scheduler, silence)) == ""
    assert text_of(await hear(scheduler, behind_silence))


@pytest.mark.parametrize("checkpoint", ["realtime"], indirect=True, scope="module")
async def test_want_of_memory_fails_its_own_rows_alone(
    scheduler: Scheduler, waveforms: dict[str, Waveform], wanting: Path
) -> None:
    expected = GOLDEN["realtime"]["jfk"]
    workers = scheduler.worker_pids
    wanting.write_text("VoxtralRealtimeEncoder 2")
    submitted = scheduler.submit(Utterance(waveforms["jfk"]), DecodeOptions(), Ticket())
    first = [await anext(submitted)]  # it is under way
    refused = await hear(scheduler, waveforms["ask_not"])
    first += [event async for event in submitted]
    assert text_of(first) == expected
    wanting.write_text("VoxtralRealtimeTextModel 60")
    broken = await hear(scheduler, waveforms["jfk"])
    wanting.unlink()
    assert text_of(await hear(scheduler, waveforms["jfk"])) == expected
    assert scheduler.worker_pids == workers
    assert any(isinstance(event, Delta) for event in broken)
    for event in (refused[-1], broken[-1]):
        assert event == Failed("OutOfMemoryError: out of memory, as the test wants it")


async def test_another_class_of_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    with (
        python_with_torch(),
        pytest.raises(EngineFailed, match=r"runs voxtral and voxtral_realtime .*, not whisper"),
    ):
        async with running(tmp_path):
            pass
