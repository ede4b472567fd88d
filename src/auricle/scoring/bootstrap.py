"""Is the difference of two systems more than luck with this set? (Bisani and Ney, 2004)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auricle.scoring.wer import ErrorCounts

_BATCH = 1000
"""Resamples drawn at once; bounds memory to this times the number of items."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference of error rates (first minus second system) and where it may lie."""

    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `no difference`: of the first system, beyond the interval."""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "no difference"


def paired_bootstrap(
    first: Sequence[ErrorCounts],
    second: Sequence[ErrorCounts],
    *,
    seed: int = 0,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
) -> Interval:
    """Interval of the difference of two error rates over the same items.

    Items are drawn with replacement, the same ones for both systems, so what makes an item hard
    for both cancels. Equal seeds give equal intervals.

    Args:
        first: errors of each item; at least one item has a reference token.
        second: the other system's, same items in the same order.
        seed: of the draws.
        n_resamples: number of draws.
        confidence: share of the draws inside the interval, 0..1.
    """
    n_reference = np.array([counts.n_reference for counts in first])
    assert [counts.n_reference for counts in second] == n_reference.tolist()
    assert n_reference.sum() > 0
    errors = np.array(
        [a.errors - b.errors for a, b in zip(first, second, strict=True)], dtype=np.int64
    )
    generator = np.random.default_rng(seed)
    differences: list[float] = []
    while len(differences) < n_resamples:
        size = (min(_BATCH, n_resamples - len(differences)), len(errors))
        drawn = generator.integers(len(errors), size=size)
        tokens = n_reference[drawn].sum(axis=1)
        resampled = errors[drawn].sum(axis=1) / np.maximum(tokens, 1)
        differences.extend(resampled.tolist())
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return Interval(float(errors.sum() / n_reference.sum()), float(low), float(high))
