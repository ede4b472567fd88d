"""Voxtral in process, in a real worker whose Python has torch and transformers."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from auricle.audio.waveform import Waveform
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    Final,
    Ticket,
    Utterance,
)
from auricle.engines.registry import EngineSpec
from auricle.scheduling.scheduler import Scheduler
from harness.transformers import OFFLINE, PYTHON

DEADLINE_S = 300


@contextmanager
def python_with_torch() -> Iterator[pytest.MonkeyPatch]:
    """Workers start in the environment that has the extra."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(PYTHON))
        for name, value in OFFLINE.items():
            patch.setenv(name, value)
        yield patch


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Scheduler]:
    """A scheduler with one worker that has loaded a checkpoint."""
    spec = EngineSpec("transformers", str(folder), languages=("en", "de"))
    scheduler = Scheduler(spec, 1)
    try:
        await scheduler.start()
        yield scheduler
    finally:
        await scheduler.close()


async def hear(
    scheduler: Scheduler, waveform: Waveform, options: DecodeOptions | None = None
) -> list[DecodeEvent]:
    """All that comes of a waveform."""
    ticket = Ticket(request=str(len(waveform)))
    submitted = scheduler.submit(Utterance(waveform), options or DecodeOptions(), ticket)
    async with asyncio.timeout(DEADLINE_S), aclosing(submitted) as events:
        return [event async for event in events]


def text_of(events: list[DecodeEvent]) -> str:
    """The whole text, which is that of the deltas; none of them is empty."""
    deltas = [event.text for event in events if isinstance(event, Delta)]
    assert all(deltas)
    final = events[-1]
    assert isinstance(final, Final), final
    assert "".join(deltas) == "".join(segment.text for segment in final.hypothesis.segments)
    return "".join(deltas)
