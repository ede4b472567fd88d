"""Several at once, results in order."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from auricle.pipeline.in_order import in_order


async def numbers(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


async def test_results_come_in_the_order_of_their_sources() -> None:
    gates = [asyncio.Event() for _ in range(3)]

    async def work(index: int, source: int) -> AsyncGenerator[str, None]:
        await gates[index].wait()
        yield f"{source}a"
        yield f"{source}b"

    async def open_backwards() -> None:
        for gate in reversed(gates):
            gate.set()
            await asyncio.sleep(0)

    opener = asyncio.create_task(open_backwards())
    results = [item async for item in in_order(numbers(3), work, 3)]
    await opener
    assert results == ["0a", "0b", "1a", "1b", "2a", "2b"]


async def test_no_more_than_the_limit_run_at_once() -> None:
    running = most = 0

    async def work(index: int, source: int) -> AsyncGenerator[int, None]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        yield source

    results = [item async for item in in_order(numbers(10), work, 2)]
    assert results == list(range(10))
    assert most == 2


async def test_an_error_is_raised_in_its_turn() -> None:
    async def work(index: int, source: int) -> AsyncGenerator[int, None]:
        if source == 1:
            raise ValueError("one")
        yield source

    results = []
    with pytest.raises(ValueError, match="one"):
        async for item in in_order(numbers(3), work, 3):
            results.append(item)
    assert results == [0]


async def test_an_error_of_the_sources_is_raised_after_what_came_before() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 0
        raise OSError("gone")

    async def work(index: int, source: int) -> AsyncGenerator[int, None]:
        yield source

    results = []
    with pytest.raises(OSError, match="gone"):
        async for item in in_order(broken(), work, 3):
            results.append(item)
    assert results == [0]


async def test_closing_ends_all_work() -> None:
    closed = []
    second_runs = asyncio.Event()

    async def work(index: int, source: int) -> AsyncGenerator[int, None]:
        try:
            if index == 1:
                second_runs.set()
            yield source
            await asyncio.Event().wait()
        finally:
            closed.append(index)

    async with aclosing(in_order(numbers(10), work, 2)) as results:
        assert await anext(results) == 0
        await second_runs.wait()
    assert sorted(closed) == [0, 1]
