"""Events while the client is watched."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from auricle.server.feed import AHEAD, ClientLeft, EventFeed


async def never() -> None:
    await asyncio.Event().wait()


async def test_passes_events_on_in_order() -> None:
    async def events() -> AsyncGenerator[int, None]:
        for number in range(3 * AHEAD):
            yield number

    async with EventFeed(events(), never) as feed:
        assert [event async for event in feed] == list(range(3 * AHEAD))
        assert [event async for event in feed] == []


async def test_hands_errors_over() -> None:
    async def events() -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("broken")

    async with EventFeed(events(), never) as feed:
        assert await feed.next() == 1
        for _ in range(2):
            with pytest.raises(ValueError, match="broken"):
                await feed.next()


async def test_says_when_nothing_came() -> None:
    async def events() -> AsyncGenerator[int, None]:
        await asyncio.Event().wait()
        yield 1

    async with EventFeed(events(), never) as feed:
        assert await feed.next(0.01) is None
        assert await feed.next(0.0) is None


async def test_leaving_closes_the_generator() -> None:
    is_closed = False

    async def events() -> AsyncGenerator[int, None]:
        nonlocal is_closed
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            is_closed = True

    async with EventFeed(events(), never) as feed:
        await feed.next()
    assert is_closed


@pytest.mark.parametrize("n_waiting", [0, 1, AHEAD + 5])
async def test_a_departure_closes_the_generator_at_once(n_waiting: int) -> None:
    left = asyncio.Event()
    is_waiting = asyncio.Event()
    is_closed = asyncio.Event()

    async def events() -> AsyncGenerator[int, None]:
        try:
            for number in range(n_waiting):
                is_waiting.set()
                yield number
            is_waiting.set()
            await asyncio.Event().wait()
        finally:
            is_closed.set()

    async def departure() -> None:
        await left.wait()

    async with EventFeed(events(), departure) as feed:
        await is_waiting.wait()
        left.set()
        await is_closed.wait()
        with pytest.raises(ClientLeft):
            await feed.next()
        with pytest.raises(ClientLeft):
            async for _ in feed:
                pass


async def test_a_reader_that_waits_is_woken_by_a_departure() -> None:
    left = asyncio.Event()

    async def events() -> AsyncGenerator[int, None]:
        await asyncio.Event().wait()
        yield 1

    async def departure() -> None:
        await left.wait()

    async with EventFeed(events(), departure) as feed:
        waiting = asyncio.create_task(feed.next())
        await asyncio.sleep(0)
        left.set()
        with pytest.raises(ClientLeft):
            await waiting


async def test_time_limits_and_task_groups_work_inside_the_generator() -> None:
    async def events() -> AsyncGenerator[int, None]:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            first = tasks.create_task(asyncio.sleep(0, 1))
            yield await first
            second = tasks.create_task(asyncio.sleep(0, 2))
            yield await second

    async with EventFeed(events(), never) as feed:
        assert [event async for event in feed] == [1, 2]


async def test_a_generator_that_cancels_itself_does_not_hang_its_reader() -> None:
    async def events() -> AsyncGenerator[int, None]:
        yield 1
        raise asyncio.CancelledError

    async with EventFeed(events(), never) as feed:
        assert await feed.next() == 1
        with pytest.raises(RuntimeError, match="cancelled from within"):
            await feed.next()


async def test_produces_only_so_far_ahead() -> None:
    produced = 0

    async def events() -> AsyncGenerator[int, None]:
        nonlocal produced
        while True:
            produced += 1
            yield produced

    async with EventFeed(events(), never) as feed:
        await feed.next()
        for _ in range(100):
            await asyncio.sleep(0)
        assert produced <= AHEAD + 3
