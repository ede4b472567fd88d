"""Waiting for what another process does: ask again until it is so, or fail after a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

POLL_S = 0.02
DEADLINE_S = 240.0
"""Generous: the machine may be busy."""


def eventually(
    probe: Callable[[], Found],
    explain: Callable[[], str] = lambda: "it did not happen",
    deadline_s: float = DEADLINE_S,
) -> Found:
    """The first true value that `probe` returns.

    Raises:
        AssertionError: none came within the deadline; the message is `explain()`.
    """
    end = time.monotonic() + deadline_s
    while not (found := probe()):
        assert time.monotonic() < end, explain()
        time.sleep(POLL_S)
    return found
