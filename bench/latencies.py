"""Quantiles of times, as benchmarks report them."""

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0..1) of the values do not exceed; NaN for none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def quantiles_ms(values: Sequence[float], shares: Sequence[float]) -> list[str]:
    """Quantiles of seconds, in milliseconds, for a table."""
    return [f"{quantile(values, share) * 1000:.0f}" if values else "-" for share in shares]
