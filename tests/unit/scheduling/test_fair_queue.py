"""Whose turn it is."""

from auricle.engines.protocol import Priority, Ticket
from auricle.scheduling.fair_queue import FairQueue


def drain(queue: FairQueue[str]) -> list[str]:
    items = []
    while (item := queue.pop()) is not None:
        items.append(item)
    return items


def test_one_request_is_first_in_first_out() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in "abc":
        queue.push(item, Ticket(request="r"), 30)
    assert drain(queue) == ["a", "b", "c"]


def test_a_short_request_is_next_however_much_a_long_one_has_queued() -> None:
    queue: FairQueue[str] = FairQueue()
    for i in range(10):
        queue.push(f"long{i}", Ticket(request="long"), 30)
    assert [queue.pop(), queue.pop()] == ["long0", "long1"]
    queue.push("short", Ticket(request="short"), 3)
    assert queue.pop() == "short"


def test_a_request_that_keeps_a_single_item_queued_does_not_shed_its_debt() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push("long0", Ticket(request="long"), 30)
    queue.push("short0", Ticket(request="short"), 1)
    assert queue.pop() == "long0"
    queue.push("long1", Ticket(request="long"), 30)
    queue.push("short1", Ticket(request="short"), 1)
    assert [queue.pop(), queue.pop(), queue.pop()] == ["short0", "short1", "long1"]


def test_tenants_share_equally_however_many_requests_one_of_them_has() -> None:
    queue: FairQueue[str] = FairQueue()
    for i in range(6):
        queue.push(f"many{i}", Ticket(tenant="many", request=str(i)), 10)
    for i in range(3):
        queue.push(f"few{i}", Ticket(tenant="few", request="0"), 10)
    first_six = drain(queue)[:6]
    assert sum(item.startswith("few") for item in first_six) == 3


def test_priority_comes_before_fairness() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push("batch", Ticket(priority=Priority.BATCH), 1)
    queue.push("interactive", Ticket(priority=Priority.INTERACTIVE), 1)
    queue.push("live", Ticket(priority=Priority.LIVE), 1)
    assert drain(queue) == ["live", "interactive", "batch"]


def test_discard_takes_out_just_the_item() -> None:
    queue: FairQueue[str] = FairQueue()
    ticket = Ticket(request="r")
    for item in ("a", "b"):
        queue.push(item, ticket, 1)
    assert queue.discard("a", ticket)
    assert not queue.discard("a", ticket)
    assert not queue.discard("x", Ticket(tenant="nobody"))
    assert len(queue) == 1
    assert drain(queue) == ["b"]


def test_an_empty_queue_remembers_a_bounded_number_of_tenants() -> None:
    queue: FairQueue[str] = FairQueue()
    for i in range(5000):
        queue.push("x", Ticket(tenant=str(i)), 1)
        queue.pop()
    group = queue._classes[Priority.INTERACTIVE]
    assert len(group._emptied) <= 1024
    assert len(group.clocks._clocks) <= 5001


def test_item_that_is_not_acceptable_holds_up_its_request_only() -> None:
    queue: FairQueue[str] = FairQueue()
    for item, request in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        queue.push(item, Ticket(request=request), 1.0)
    assert queue.pop(lambda item: item != "a1") == "b1"
    assert queue.pop(lambda item: item != "a1") is None
    assert (queue.pop(), queue.pop(), queue.pop()) == ("a1", "a2", None)
    assert len(queue) == 0
