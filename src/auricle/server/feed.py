"""Events of a transcription while its client is watched.

The generator runs in one task from its first step to its last, so that time limits and task
groups inside it work. A client that leaves ends it at once.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")

AHEAD = 16
"""Events produced ahead of a client that reads slowly."""


class ClientLeft(Exception):
    """The client closed its connection before its answer was complete."""


class _End:
    """The generator is exhausted."""


class EventFeed(Generic[T]):
    """Iterates a generator on behalf of a client. Owner: the request's task.

    Args:
        events: the generator; it is closed when the feed is left.
        departure: returns when the client has left.
    """

    def __init__(
        self, events: AsyncGenerator[T, None], departure: Callable[[], Awaitable[None]]
    ) -> None:
        self._events = events
        self._departure = departure
        self._queue: asyncio.Queue[T | BaseException | _End] = asyncio.Queue(AHEAD)
        self._has_left = False

    async def __aenter__(self) -> Self:
        self._producer = asyncio.create_task(self._produce())
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in (self._watcher, self._producer):
            task.cancel()
        await asyncio.gather(self._watcher, self._producer, return_exceptions=True)

    async def _produce(self) -> None:
        last: BaseException | _End = _End()
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    await self._queue.put(event)
        except asyncio.CancelledError as error:
            if self._producer.cancelling():
                raise
            last = RuntimeError("bug: a transcription was cancelled from within")
            last.__cause__ = error
        except Exception as error:  # noqa: BLE001 (handed over to the request's task)
            last = error
        await self._queue.put(last)

    async def _watch(self) -> None:
        await self._departure()
        self._has_left = True
        self._producer.cancel()
        if self._queue.empty():
            self._queue.put_nowait(ClientLeft())  # wake the reader

    async def next(self, wait_s: float | None = None) -> T | None:
        """The next event; None when there was none for `wait_s` seconds.

        Raises:
            StopAsyncIteration: the generator is exhausted.
            ClientLeft: the client is gone.
            Exception: whatever the generator raised.
        """
        item = None if self._has_left else await self._item(wait_s)
        if self._has_left:
            raise ClientLeft
        if isinstance(item, BaseException | _End):
            self._queue.put_nowait(item)  # it was the last: so it stays
        if isinstance(item, BaseException):
            raise item
        if isinstance(item, _End):
            raise StopAsyncIteration
        return item

    async def _item(self, wait_s: float | None) -> T | BaseException | _End | None:
        timer = asyncio.timeout(wait_s)
        try:
            async with timer:
                return await self._queue.get()
        except TimeoutError:
            if not timer.expired():
                raise
            return None

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            try:
                event = await self.next()
            except StopAsyncIteration:
                return
            if event is not None:
                yield event
