"""Processes that wait for a recording, and recordings that wait for a process."""

import asyncio
from collections import deque
from contextlib import suppress

from auricle.frontend.worker import Worker

Waiting = deque[asyncio.Future[Worker | None]]


class IdleWorkers:
    """Brings the two together: small recordings first, else in the order they came.

    A small one is read in no time, so the others hardly wait for it; a large one may keep its
    process for long. Owner: the pool.
    """

    def __init__(self) -> None:
        self._workers: deque[Worker] = deque()
        self._small: Waiting = deque()
        self._large: Waiting = deque()
        self._is_closed = False

    def put(self, worker: Worker) -> None:
        """A process is free."""
        for waiting in (self._small, self._large):
            if _give(waiting, worker):
                return
        self._workers.append(worker)

    async def take(self, *, is_small: bool) -> Worker | None:
        """The next free process for a recording, no longer marked idle; None once closed."""
        while not self._is_closed:
            worker = self.pop() or await self._wait(self._small if is_small else self._large)
            if worker is not None and _is_free(worker):  # else it died on the way, or is about to
                worker.is_idle = False
                return worker
        return None

    async def _wait(self, waiting: Waiting) -> Worker | None:
        future: asyncio.Future[Worker | None] = asyncio.get_running_loop().create_future()
        waiting.append(future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.cancelled():
                with suppress(ValueError):  # it may have been passed over already
                    waiting.remove(future)
            elif (worker := future.result()) is not None:
                self.put(worker)
            raise

    def pop(self) -> Worker | None:
        """A process that nobody waits for, or None."""
        while self._workers:
            worker = self._workers.popleft()
            if _is_free(worker):
                return worker
        return None

    def close(self) -> None:
        """Whoever waits, now or later, gets None."""
        self._is_closed = True
        for waiting in (self._small, self._large):
            while _give(waiting, None):
                continue


def _is_free(worker: Worker) -> bool:
    """Whether it can be given a recording; one that cannot is replaced when its end is seen."""
    return worker.is_idle and not worker.is_doomed


def _give(waiting: Waiting, worker: Worker | None) -> bool:
    """Hand something to the first who still waits; whether there was one."""
    while waiting:
        future = waiting.popleft()
        if not future.done():  # else its caller has just left
            future.set_result(worker)
            return True
    return False
