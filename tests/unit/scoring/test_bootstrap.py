import random

import pytest

from auricle.scoring.bootstrap import Interval, paired_bootstrap
from auricle.scoring.wer import ErrorCounts

SOME = [ErrorCounts(10, substitutions=n % 3) for n in range(60)]


def test_a_system_against_itself_has_no_difference() -> None:
    assert paired_bootstrap(SOME, SOME) == Interval(0.0, 0.0, 0.0)
    assert paired_bootstrap(SOME, SOME).verdict == "no difference"


def test_a_constant_difference_has_no_spread() -> None:
    worse = [counts + ErrorCounts(insertions=1) for counts in SOME]
    interval = paired_bootstrap(worse, SOME)
    assert (interval.difference, interval.low, interval.high) == pytest.approx((0.1, 0.1, 0.1))
    assert interval.verdict == "worse"
    assert paired_bootstrap(SOME, worse).verdict == "better"


def test_equal_seeds_give_equal_intervals() -> None:
    other = SOME[1:] + SOME[:1]
    draws = [paired_bootstrap(SOME, other, seed=seed, n_resamples=50) for seed in (5, 5, 6)]
    assert draws[0] == draws[1] != draws[2]


def test_interval_has_the_normal_approximations_width() -> None:
    """With many independent items the bootstrap must agree with the textbook formula."""
    draw = random.Random(1)
    n_items, n_words = 400, 10
    errors = [draw.choice([0, 1, 2]) for _ in range(n_items)]
    first = [ErrorCounts(n_words, substitutions=e) for e in errors]
    second = [ErrorCounts(n_words)] * n_items
    mean = sum(errors) / n_items
    variance = sum((e - mean) ** 2 for e in errors) / n_items
    half_width = 1.96 * (variance / n_items) ** 0.5 / n_words
    interval = paired_bootstrap(first, second)
    # 10 000 draws place a quantile within a few per cent of the width
    assert interval.low == pytest.approx(mean / n_words - half_width, abs=half_width * 0.1)
    assert interval.high == pytest.approx(mean / n_words + half_width, abs=half_width * 0.1)


def test_the_number_of_draws_need_not_fill_a_batch() -> None:
    interval = paired_bootstrap(SOME, SOME[1:] + SOME[:1], n_resamples=1500)
    assert interval.low < 0 < interval.high


def test_less_confidence_gives_a_narrower_interval() -> None:
    other = SOME[1:] + SOME[:1]
    wide = paired_bootstrap(SOME, other, confidence=0.99)
    narrow = paired_bootstrap(SOME, other, confidence=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high
