"""Word error rate, and character error rate when the tokens are characters.

Among the alignments with the fewest errors the one with the most matches is taken, so the split
into substitutions, deletions and insertions is unique. Both are minimised at once: an error
costs more than all matches together can save, so one integer orders the pairs.
"""

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Errors against `n_reference` tokens; counts of several texts add up."""

    n_reference: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """All errors together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per reference token: 0 and up; infinite if there is nothing but insertions."""
        if self.n_reference == 0:
            return float("inf") if self.insertions else 0.0
        return self.errors / self.n_reference

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.n_reference + other.n_reference,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


Pair = tuple[int | None, int | None]
"""Positions in reference and hypothesis; None for the missing side of a deletion or insertion."""


def count_errors(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> ErrorCounts:
    """Fewest substitutions, deletions and insertions that turn the reference into the hypothesis.

    Time grows with the product of the lengths, memory with the hypothesis.
    """
    last_row = deque(_cost_rows(*_as_ids(reference, hypothesis)), maxlen=1).pop()
    scale = _error_cost(len(reference))
    cost = int(last_row[-1])
    errors = -(-cost // scale)
    matches = errors * scale - cost
    insertions = errors - (len(reference) - matches)
    deletions = insertions + len(reference) - len(hypothesis)
    substitutions = len(reference) - matches - deletions
    return ErrorCounts(len(reference), substitutions, deletions, insertions)


def align(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> list[Pair]:
    """The pairs of one best alignment, in order; every position of both sides occurs once.

    Memory grows with the product of the lengths: 8 bytes a pair of positions.
    """
    ids, other_ids = _as_ids(reference, hypothesis)
    costs = np.stack(list(_cost_rows(ids, other_ids)))
    scale = _error_cost(len(reference))
    pairs: list[Pair] = []
    i, j = len(reference), len(hypothesis)
    while i or j:
        step = -1 if i and j and ids[i - 1] == other_ids[j - 1] else scale
        if i and j and costs[i, j] == costs[i - 1, j - 1] + step:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and costs[i, j] == costs[i - 1, j] + scale:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]


def count_errors_by_block(
    reference: Sequence[Hashable], hypothesis: Sequence[Hashable], *, block_length: int
) -> list[ErrorCounts]:
    """Error counts of consecutive blocks of the reference; their sum is `count_errors`.

    A long recording is one item but many chances to fail: blocks make it resamplable. Blocks
    are equal but for rounding, and about `block_length` tokens (at least 1) long; the number of
    blocks depends on the reference alone. An insertion counts in the block of the reference
    token before it.
    """
    n_blocks = max(1, round(len(reference) / block_length))
    blocks = [ErrorCounts() for _ in range(n_blocks)]
    position = 0
    for i, j in align(reference, hypothesis):
        position = position if i is None else i
        block = min(position * n_blocks // max(1, len(reference)), n_blocks - 1)
        blocks[block] += _count_pair(reference, hypothesis, i, j)
    return blocks


def _count_pair(
    reference: Sequence[Hashable], hypothesis: Sequence[Hashable], i: int | None, j: int | None
) -> ErrorCounts:
    if i is None:
        return ErrorCounts(insertions=1)
    if j is None:
        return ErrorCounts(n_reference=1, deletions=1)
    return ErrorCounts(n_reference=1, substitutions=int(reference[i] != hypothesis[j]))


def _error_cost(n_reference: int) -> int:
    return n_reference + 1


def _as_ids(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> tuple[Costs, Costs]:
    """Equal tokens get equal integers, so that rows are compared at once."""
    ids: dict[Hashable, int] = {}
    numbered = [[ids.setdefault(t, len(ids)) for t in side] for side in (reference, hypothesis)]
    return np.asarray(numbered[0], np.int64), np.asarray(numbered[1], np.int64)


def _cost_rows(reference: Costs, hypothesis: Costs) -> Iterator[Costs]:
    """Rows of the alignment's cost table, shape (n_hypothesis + 1,), one per reference prefix.

    A run of insertions along a row is a running minimum once each column's own insertions are
    taken off.
    """
    scale = _error_cost(len(reference))
    insertions = np.arange(len(hypothesis) + 1, dtype=np.int64) * scale
    row = insertions
    yield row
    for token in reference:
        best = row + scale
        diagonal = row[:-1] + np.where(hypothesis == token, -1, scale)
        np.minimum(best[1:], diagonal, out=best[1:])
        row = np.minimum.accumulate(best - insertions) + insertions
        yield row
