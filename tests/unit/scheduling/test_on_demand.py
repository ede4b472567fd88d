"""Engines that come and go, in real worker processes where it matters."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import cast

import numpy as np
import pytest

from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    EngineInfo,
    Final,
    Hypothesis,
    Ticket,
    Utterance,
)
from auricle.errors import EngineFailed, NotSupported, SettingsError, Unavailable
from auricle.scheduling import on_demand as module
from auricle.scheduling.on_demand import OnDemand, Shelf
from auricle.scheduling.scheduler import Scheduler

UTTERANCE = Utterance(np.zeros(16000, np.float32))
DEADLINE_S = 30


class Engine:
    """In the place of a scheduler; counts its starts, and may fail the first."""

    def __init__(self) -> None:
        self.n_starts = 0
        self.is_up = False
        self.fails = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.info = EngineInfo("old", 30.0, ("en",), context_bias=False)

    async def start(self) -> None:
        await asyncio.sleep(0.01)
        if self.fails:
            self.fails -= 1
            raise EngineFailed("no")
        self.n_starts += 1
        self.is_up = True

    async def close(self) -> None:
        self.is_up = False

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        await self.may_end.wait()
        assert self.is_up
        yield Final(Hypothesis((), "en", 1.0, 0.0, 1.0))


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST_S", 0.05)
    monkeypatch.setattr(module, "POLL_S", 0.02)


@asynccontextmanager
async def shelf_of(
    *sizes: int, max_bytes: int | None = None, unload_after_s: float = 600.0
) -> AsyncIterator[list[tuple[OnDemand, Engine]]]:
    shelf = Shelf(max_bytes, unload_after_s)
    engines = [Engine() for _ in sizes]
    places = [
        OnDemand(f"model-{n}", size, cast("Callable[[], Scheduler]", lambda e=engine: e), shelf)
        for n, (size, engine) in enumerate(zip(sizes, engines, strict=True))
    ]
    await shelf.start()
    try:
        yield list(zip(places, engines, strict=True))
    finally:
        await shelf.close()
    assert not any(engine.is_up for engine in engines)


async def use(place: OnDemand) -> list[DecodeEvent]:
    async with (
        asyncio.timeout(DEADLINE_S),
        aclosing(place.submit(UTTERANCE, DecodeOptions(), Ticket())) as events,
    ):
        return [event async for event in events]


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not check():
            await asyncio.sleep(0.01)


async def test_the_first_use_loads_once_for_all_who_wait() -> None:
    async with shelf_of(10) as [(place, engine)]:
        assert not engine.is_up
        answers = await asyncio.gather(*(use(place) for _ in range(5)))
        assert [len(events) for events in answers] == [1] * 5
        assert engine.n_starts == 1


async def test_phrases_that_the_engine_cannot_hear_are_refused() -> None:
    async with shelf_of(10) as [(place, _)]:
        asked = DecodeOptions(context_bias=("Kennedy",))
        with pytest.raises(NotSupported, match="context_bias"):
            async with aclosing(place.submit(UTTERANCE, asked, Ticket())) as events:
                async for _ in events:
                    pass


async def test_what_nobody_uses_ends_and_comes_back() -> None:
    async with shelf_of(10, unload_after_s=0.2) as [(place, engine)]:
        await use(place)
        await until(lambda: not engine.is_up)
        await use(place)
        assert engine.n_starts == 2


async def test_a_busy_engine_is_not_ended() -> None:
    async with shelf_of(10, unload_after_s=0.1) as [(place, engine)]:
        engine.may_end.clear()
        busy = asyncio.create_task(use(place))
        await until(lambda: engine.is_up)
        await asyncio.sleep(0.4)
        assert engine.is_up
        engine.may_end.set()
        await busy


async def test_the_longest_unused_makes_room() -> None:
    async with shelf_of(10, 10, 10, max_bytes=25) as found:
        for place, _ in found:
            await use(place)
            await asyncio.sleep(0.06)
        assert [engine.is_up for _, engine in found] == [False, True, True]
        await use(found[0][0])
        assert [engine.is_up for _, engine in found] == [True, False, True]


async def test_nobody_is_ended_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    async with shelf_of(10, 10, 20, max_bytes=20) as [(small, a), (busy, b), (large, c)]:
        await use(small)
        b.may_end.clear()
        working = asyncio.create_task(use(busy))
        await until(lambda: b.is_up)
        await asyncio.sleep(0.06)
        with pytest.raises(Unavailable, match="model-2: other models take the memory"):
            await use(large)
        assert a.is_up
        b.may_end.set()
        await working
        await asyncio.sleep(0.06)
        await use(large)
        assert (a.is_up, b.is_up, c.is_up) == (False, False, True)


async def test_a_model_that_never_fits_is_refused_at_once() -> None:
    with pytest.raises(SettingsError, match="30 bytes of weights, and max_loaded_bytes is 20"):
        async with shelf_of(30, max_bytes=20):
            pass


async def test_a_start_that_fails_can_be_tried_again() -> None:
    async with shelf_of(10) as [(place, engine)]:
        engine.fails = 1
        with pytest.raises(EngineFailed):
            await use(place)
        assert len(await use(place)) == 1


async def test_whoever_leaves_during_the_load_leaves_nothing() -> None:
    async with shelf_of(10) as [(place, engine)]:
        leaving = asyncio.create_task(use(place))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert place.running() is None
        assert not engine.is_up
        assert len(await use(place)) == 1
