"""How often one key may ask."""

import pytest

from auricle.errors import Overloaded
from auricle.server.rate import MAX_NAMES, RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_as_many_as_allowed_at_once_and_no_more(clock: Clock) -> None:
    limit = RateLimit(30, clock)
    for _ in range(30):
        limit.take("a")
    with pytest.raises(Overloaded, match="30 transcriptions a minute") as caught:
        limit.take("a")
    assert caught.value.retry_after_s == 2


def test_retry_after_is_when_there_is_one_again(clock: Clock) -> None:
    limit = RateLimit(2, clock)
    limit.take("a")
    limit.take("a")
    clock.now += 29.5
    with pytest.raises(Overloaded) as caught:
        limit.take("a")
    clock.now += caught.value.retry_after_s
    limit.take("a")
    with pytest.raises(Overloaded):
        limit.take("a")


def test_over_a_long_time_the_rate_is_the_limit(clock: Clock) -> None:
    limit = RateLimit(60, clock)
    granted = 0
    for _ in range(6_000):
        clock.now += 0.1
        try:
            limit.take("a")
        except Overloaded:
            continue
        granted += 1
    assert granted == pytest.approx(60 * 10 + 60, abs=2)


def test_names_do_not_share_and_are_not_kept_for_ever(clock: Clock) -> None:
    limit = RateLimit(1, clock)
    limit.take("a")
    for n in range(2 * MAX_NAMES):
        clock.now += 0.01
        limit.take(f"key {n}")
    with pytest.raises(Overloaded):
        limit.take(f"key {2 * MAX_NAMES - 1}")
    clock.now += 3600
    for n in range(MAX_NAMES):
        limit.take(f"key {n}")
        clock.now += 60
    assert len(limit._buckets) <= MAX_NAMES + 1
