"""Who may start: permits, the request's time limit, and draining.

A permit is taken before any work and travels with the request; none left is an immediate 429.
After `drain` nobody gets one (503); accepted requests go on until `cut`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from auricle.errors import DeadlineExceeded, Overloaded, Unavailable

RETRY_AFTER_S = 2
DRAIN_RETRY_AFTER_S = 10


class Admission:
    """The permits of one server. Owner: the application; used on its event loop only."""

    def __init__(self, max_requests: int) -> None:
        self._max_requests = max_requests
        self._timers: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.in_use = 0
        self.is_draining = False
        self._is_cut = False

    @contextmanager
    def permit(self) -> Iterator[None]:
        """Hold a permit.

        Raises:
            Overloaded: all are taken.
            Unavailable: the server is draining.
        """
        self.refuse_when_draining()
        if self.in_use >= self._max_requests:
            raise Overloaded(
                f"{self._max_requests} transcriptions are in work, which is the limit; "
                "try again later",
                retry_after_s=RETRY_AFTER_S,
            )
        self.in_use += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.in_use -= 1
            if self.in_use == 0:
                self._idle.set()

    @asynccontextmanager
    async def time_limit(self, seconds: float, what: str) -> AsyncIterator[None]:
        """Bound the work inside, by its own limit and by the end of draining.

        Raises:
            DeadlineExceeded: `seconds` passed; the message begins with `what`.
            Unavailable: the server stopped waiting for the request.
        """
        timer = asyncio.timeout(0 if self._is_cut else seconds)
        try:
            async with timer:
                self._timers.add(timer)
                try:
                    yield
                finally:
                    self._timers.discard(timer)
        except TimeoutError as error:
            if not timer.expired():
                raise
            if self._is_cut:
                raise _shutting_down() from error
            raise DeadlineExceeded(f"{what} took longer than {seconds:g} s") from error

    def refuse_when_draining(self) -> None:
        """Turn a new request away while draining.

        Raises:
            Unavailable: the server is draining.
        """
        if self.is_draining:
            raise _shutting_down()

    def drain(self) -> None:
        """Accept nothing new."""
        self.is_draining = True

    def cut(self) -> None:
        """Stop waiting: every request still in work ends with an error now."""
        self._is_cut = True
        now = asyncio.get_running_loop().time()
        for timer in self._timers:
            timer.reschedule(now)

    async def until_idle(self) -> None:
        """Wait until no permit is in use."""
        await self._idle.wait()


def _shutting_down() -> Unavailable:
    return Unavailable("the server is shutting down", retry_after_s=DRAIN_RETRY_AFTER_S)
