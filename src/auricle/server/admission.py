"""Who may start: permits, the request's time limit, and draining.

A permit is taken before any work and travels with the request; none left is an immediate 429,
for the whole server or for one key. After `drain` nobody gets one (503); accepted requests go on
until `cut`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from auricle.errors import DeadlineExceeded, Overloaded, Unavailable
from auricle.server.rate import RateLimit

RETRY_AFTER_S = 2
DRAIN_RETRY_AFTER_S = 10


class Admission:
    """The permits of one server. Owner: the application; used on its event loop only.

    Args:
        max_requests: permits at once.
        max_per_tenant: permits at once of one key; None: as many as there are.
        rate: how often one key gets a permit; None: as often as it asks.
    """

    def __init__(
        self,
        max_requests: int,
        *,
        max_per_tenant: int | None = None,
        rate: RateLimit | None = None,
    ) -> None:
        self._max_requests = max_requests
        self._max_per_tenant = max_per_tenant
        self._rate = rate
        self._by_tenant: Counter[str] = Counter()
        self._timers: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.in_use = 0
        self.is_draining = False
        self._is_cut = False

    @contextmanager
    def permit(self, tenant: str = "") -> Iterator[None]:
        """Hold a permit.

        Args:
            tenant: whose key it is; callers without one are one tenant.

        Raises:
            Overloaded: all are taken, or all that this tenant may have, or it asks too often.
            Unavailable: the server is draining.
        """
        self.refuse_when_draining()
        self._refuse_when_taken(tenant)
        if self._rate is not None:
            self._rate.take(tenant)
        self.in_use += 1
        self._by_tenant[tenant] += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._give_back(tenant)

    def _refuse_when_taken(self, tenant: str) -> None:
        if self._max_per_tenant is not None and self._by_tenant[tenant] >= self._max_per_tenant:
            what = f"{self._max_per_tenant} transcriptions of this key are in work"
        elif self.in_use >= self._max_requests:
            what = f"{self._max_requests} transcriptions are in work"
        else:
            return
        raise Overloaded(
            f"{what}, which is the limit; try again later", retry_after_s=RETRY_AFTER_S
        )

    def _give_back(self, tenant: str) -> None:
        self._by_tenant[tenant] -= 1
        if not self._by_tenant[tenant]:
            del self._by_tenant[tenant]
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
