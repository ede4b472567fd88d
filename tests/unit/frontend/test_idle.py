"""Who gets the next free decoder."""

import asyncio
from typing import cast

import pytest

from auricle.frontend.idle import IdleWorkers
from auricle.frontend.worker import Worker


class Process:
    """All that is asked of a worker here."""

    def __init__(self, *, is_doomed: bool) -> None:
        self.is_idle = True
        self.is_doomed = is_doomed


def process(*, is_doomed: bool = False) -> Worker:
    return cast("Worker", Process(is_doomed=is_doomed))


async def waiting(idle: IdleWorkers, *, is_small: bool) -> "asyncio.Task[Worker | None]":
    task = asyncio.create_task(idle.take(is_small=is_small))
    await asyncio.sleep(0)
    return task


async def test_a_free_one_is_taken_at_once_and_no_longer_idle() -> None:
    idle = IdleWorkers()
    worker = process()
    idle.put(worker)
    assert await idle.take(is_small=False) is worker
    assert not worker.is_idle
    assert idle.pop() is None


async def test_small_ones_first_else_in_order() -> None:
    idle = IdleWorkers()
    sizes = [False, True, False, True]
    tasks = [await waiting(idle, is_small=is_small) for is_small in sizes]
    workers = [process() for _ in tasks]
    for worker in workers:
        idle.put(worker)
    assert await asyncio.gather(*tasks) == [workers[2], workers[0], workers[3], workers[1]]


@pytest.mark.parametrize("is_given", [True, False])
async def test_what_a_caller_that_leaves_was_given_goes_to_the_next(*, is_given: bool) -> None:
    idle = IdleWorkers()
    leaving, staying = [await waiting(idle, is_small=True) for _ in range(2)]
    worker = process()
    if is_given:
        idle.put(worker)
        leaving.cancel()
    else:
        leaving.cancel()
        idle.put(worker)
    assert await staying is worker
    assert leaving.cancelled()


async def test_one_that_died_on_the_way_is_not_given_out() -> None:
    idle = IdleWorkers()
    dead, alive = process(), process()
    task = await waiting(idle, is_small=True)
    idle.put(dead)
    dead.is_idle = False
    await asyncio.sleep(0)
    idle.put(alive)
    assert await task is alive


@pytest.mark.parametrize("is_waited_for", [True, False])
async def test_one_that_is_about_to_end_is_left_to_whoever_replaces_it(
    *, is_waited_for: bool
) -> None:
    idle = IdleWorkers()
    doomed, sound = process(is_doomed=True), process()
    task = await waiting(idle, is_small=True) if is_waited_for else None
    idle.put(doomed)
    await asyncio.sleep(0)
    idle.put(sound)
    assert await (task or idle.take(is_small=True)) is sound
    assert doomed.is_idle  # so that its end is a sign to replace it


async def test_once_closed_nobody_waits() -> None:
    idle = IdleWorkers()
    tasks = [await waiting(idle, is_small=is_small) for is_small in (True, False)]
    idle.close()
    assert await asyncio.gather(*tasks) == [None, None]
    assert await idle.take(is_small=True) is None
