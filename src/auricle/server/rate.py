"""How often one key may ask: a token bucket for each."""

import math
import time
from collections.abc import Callable

from auricle.errors import Overloaded

MAX_NAMES = 1024
"""Buckets kept; full ones are forgotten beyond it, which changes nothing."""
SECONDS_PER_MINUTE = 60.0


class RateLimit:
    """`per_minute` uses a minute for each name: that many at once, then evenly.

    Args:
        per_minute: uses of one name in a minute, at least 1.
        clock: seconds that never go back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # uses left, and when that was

    def take(self, name: str) -> None:
        """Use up one.

        Raises:
            Overloaded: none is left; it says after how many seconds there will be.
        """
        now = self._clock()
        left = self._left(name, now)
        if left < 1:
            wait_s = (1 - left) * SECONDS_PER_MINUTE / self._per_minute
            raise Overloaded(
                f"this key has used up its {self._per_minute} transcriptions a minute, which is "
                "the limit; try again later",
                retry_after_s=max(1, math.ceil(wait_s)),
            )
        self._buckets[name] = (left - 1, now)
        if len(self._buckets) > MAX_NAMES:
            self._forget_full(now)

    def _left(self, name: str, now: float) -> float:
        left, since = self._buckets.get(name, (float(self._per_minute), now))
        gained = (now - since) * self._per_minute / SECONDS_PER_MINUTE
        return min(float(self._per_minute), left + gained)

    def _forget_full(self, now: float) -> None:
        self._buckets = {
            name: bucket
            for name, bucket in self._buckets.items()
            if self._left(name, now) < self._per_minute
        }
