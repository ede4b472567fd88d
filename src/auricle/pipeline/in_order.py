"""Work on several things at once, results in the order of the things."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

Source = TypeVar("Source")
Item = TypeVar("Item")


class _End:
    """Closes a lane."""


class _Lane(Generic[Item]):
    """The results of one thing, as they come."""

    def __init__(self) -> None:
        self._items: asyncio.Queue[Item | _End | BaseException] = asyncio.Queue()

    async def fill(self, work: AsyncGenerator[Item, None]) -> None:
        """Run the work; its end or error comes last."""
        try:
            async with aclosing(work):
                async for item in work:
                    self._items.put_nowait(item)
        except Exception as error:  # noqa: BLE001 (raised again where the lane is read)
            self._items.put_nowait(error)
        else:
            self._items.put_nowait(_End())

    async def drain(self) -> AsyncIterator[Item]:
        """The results; raises what the work raised."""
        while True:
            item = await self._items.get()
            if isinstance(item, _End):
                return
            if isinstance(item, BaseException):
                raise item
            yield item


async def in_order(
    sources: AsyncIterable[Source],
    work: Callable[[int, Source], AsyncGenerator[Item, None]],
    limit: int,
) -> AsyncGenerator[Item, None]:
    """Run `work(index, source)` for up to `limit` sources at once, and yield all in order.

    A source counts until its results are taken, so a slow reader holds up the sources. The
    first error is raised in its turn; closing the generator ends all work.
    """
    lanes: asyncio.Queue[_Lane[Item] | _End | BaseException] = asyncio.Queue()
    permits = asyncio.Semaphore(limit)
    tasks: set[asyncio.Task[None]] = set()

    async def open_lanes() -> None:
        index = 0
        try:
            async for source in sources:
                await permits.acquire()
                lane: _Lane[Item] = _Lane()
                task = asyncio.create_task(lane.fill(work(index, source)))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                lanes.put_nowait(lane)
                index += 1
        except Exception as error:  # noqa: BLE001 (raised again below, in its turn)
            lanes.put_nowait(error)
        else:
            lanes.put_nowait(_End())

    opener = asyncio.create_task(open_lanes())
    try:
        while not isinstance(lane := await lanes.get(), _End):
            if isinstance(lane, BaseException):
                raise lane
            async for item in lane.drain():
                yield item
            permits.release()
    finally:
        running = [opener, *tasks]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
