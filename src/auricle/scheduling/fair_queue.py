"""Whose work is next: by priority, then fairly between tenants, then between their requests.

Fair means by cost: start-time fair queueing (Goyal et al. 1996) on two levels. Everybody has a
clock that advances by the cost of what they were given; the slowest clock is served next, and
who arrives anew starts at the clock of now. So a short clip is next, however long the file is
that somebody else has in the queue.
"""

from collections import deque
from collections.abc import Callable, Container
from typing import Generic, TypeVar

from auricle.engines.protocol import Priority, Ticket

T = TypeVar("T")

MAX_REMEMBERED_TENANTS = 1024


class _Clocks:
    """How much each name was given; who has left is remembered until the others caught up."""

    def __init__(self) -> None:
        self._now = 0.0
        self._clocks: dict[str, float] = {}

    def arrive(self, name: str) -> None:
        """A name that had no work has some."""
        self._clocks[name] = max(self._now, self._clocks.get(name, 0.0))

    def slowest(self, names: list[str]) -> str:
        """Whose turn it is among names with work; the first to arrive wins a tie."""
        return min(names, key=self._clocks.__getitem__)

    def charge(self, name: str, cost: float) -> None:
        """A name was served."""
        self._now = self._clocks[name]
        self._clocks[name] += cost

    def forget(self, waiting: Container[str]) -> None:
        """Drop the memory of names without work that are not ahead of anybody."""
        self._clocks = {
            name: clock
            for name, clock in self._clocks.items()
            if name in waiting or clock > self._now
        }


class _Tenant(Generic[T]):
    """One tenant's requests, each a queue of items with their costs."""

    def __init__(self) -> None:
        self.clocks = _Clocks()
        self.requests: dict[str, deque[tuple[T, float]]] = {}

    def push(self, request: str, item: T, cost: float) -> None:
        if request not in self.requests:
            self.clocks.arrive(request)
            self.requests[request] = deque()
        self.requests[request].append((item, cost))

    def ready(self, accepts: Callable[[T], bool]) -> list[str]:
        """Requests whose next item is acceptable."""
        return [request for request, queue in self.requests.items() if accepts(queue[0][0])]

    def pop(self, accepts: Callable[[T], bool]) -> tuple[T, float]:
        request = self.clocks.slowest(self.ready(accepts))
        item, cost = self.requests[request].popleft()
        self.clocks.charge(request, cost)
        if not self.requests[request]:
            del self.requests[request]
        self.clocks.forget(self.requests)
        return item, cost

    def discard(self, request: str, item: T) -> bool:
        entries = self.requests.get(request, deque())
        kept = deque(entry for entry in entries if entry[0] is not item)
        if kept:
            self.requests[request] = kept
        else:
            self.requests.pop(request, None)
        return len(kept) < len(entries)


class _Class(Generic[T]):
    """All tenants of one priority."""

    def __init__(self) -> None:
        self.clocks = _Clocks()
        self.tenants: dict[str, _Tenant[T]] = {}
        self._emptied: dict[str, _Tenant[T]] = {}

    def push(self, item: T, ticket: Ticket, cost: float) -> None:
        if ticket.tenant not in self.tenants:
            self.clocks.arrive(ticket.tenant)
            self.tenants[ticket.tenant] = self._emptied.pop(ticket.tenant, _Tenant())
        self.tenants[ticket.tenant].push(ticket.request, item, cost)

    def pop(self, accepts: Callable[[T], bool]) -> T | None:
        ready = [name for name, tenant in self.tenants.items() if tenant.ready(accepts)]
        if not ready:
            return None
        name = self.clocks.slowest(ready)
        item, cost = self.tenants[name].pop(accepts)
        self.clocks.charge(name, cost)
        self._settle(name)
        self.clocks.forget(self.tenants)
        return item

    def discard(self, item: T, ticket: Ticket) -> bool:
        tenant = self.tenants.get(ticket.tenant)
        if tenant is None:
            return False
        found = tenant.discard(ticket.request, item)
        self._settle(ticket.tenant)
        return found

    def _settle(self, name: str) -> None:
        """A tenant without work is put aside; its requests' clocks stay for a while."""
        if not self.tenants[name].requests:
            self._emptied[name] = self.tenants.pop(name)
        while len(self._emptied) > MAX_REMEMBERED_TENANTS:
            del self._emptied[next(iter(self._emptied))]


class FairQueue(Generic[T]):
    """A queue of items with a cost each. Not thread-safe; owner: the scheduler."""

    def __init__(self) -> None:
        self._classes: dict[Priority, _Class[T]] = {priority: _Class() for priority in Priority}
        self._length = 0

    def __len__(self) -> int:
        """How many items wait."""
        return self._length

    def push(self, item: T, ticket: Ticket, cost: float) -> None:
        """Add an item; `cost` is in any unit, the same for all, above zero."""
        self._classes[ticket.priority].push(item, ticket, cost)
        self._length += 1

    def pop(self, accepts: Callable[[T], bool] = lambda _: True) -> T | None:
        """Take the item whose turn it is among the acceptable ones, or None if there is none.

        Items of a request keep their order: one that is not acceptable holds up those behind it.
        """
        for priority in Priority:
            item = self._classes[priority].pop(accepts)
            if item is not None:
                self._length -= 1
                return item
        return None

    def discard(self, item: T, ticket: Ticket) -> bool:
        """Take out a given item; whether it was there."""
        found = self._classes[ticket.priority].discard(item, ticket)
        self._length -= found
        return found
