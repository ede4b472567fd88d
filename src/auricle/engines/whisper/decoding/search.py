"""Finding a likely text: what a search asks of the kernel and what it gives.

A search owns rows of the kernel. Each step it says what to feed them and is handed the logits;
searches of many utterances, greedy and beam, share the step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.decoding.rules import LogitRow, LogitRule
from auricle.engines.whisper.policy import loop_start, retelling_start


class Rows(Protocol):
    """The part of the kernel a search needs; see `Kernel`."""

    def fork(self, row: int) -> int:
        """A copy of a row."""
        ...

    def leave(self, row: int) -> None:
        """Drop a row."""
        ...


@dataclass(frozen=True, slots=True)
class Decoded:
    """A finished search: tokens without the end, and the natural log-probability of each.

    `mean_logprob` counts the end token, where there is one. `is_loop` says that the search was
    stopped because it repeated itself, `is_cut` that it reached its limit of tokens.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    mean_logprob: float
    is_loop: bool = False
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """When a search ends: at `eot`, or at the latest after `max_tokens`."""

    eot: int
    max_tokens: int


class Search(Protocol):
    """One way to decode a window from the logits after its prompt."""

    @property
    def tokens(self) -> Sequence[int]:
        """The tokens so far that this search will not change any more."""
        ...

    @property
    def texts(self) -> Sequence[Sequence[int]]:
        """All tokens of the texts that may be the result; at least one until that is there."""
        ...

    @property
    def logprobs(self) -> Sequence[float]:
        """Natural log-probabilities of the best tokens so far, as many or more."""
        ...

    def feed(self) -> dict[int, list[int]]:
        """What to feed which rows in the next step."""
        ...

    def advance(self, logits: Mapping[int, LogitRow]) -> Decoded | None:
        """Take the logits of this search's rows; returns the result when it is done."""
        ...

    def close(self) -> None:
        """Drop the rows."""
        ...


def constrained(
    logits: LogitRow, tokens: Sequence[int], rules: Sequence[LogitRule]
) -> NDArray[np.float32]:
    """A copy of the logits with the rules applied."""
    allowed = logits.copy()
    for rule in rules:
        rule.apply(allowed, tokens)
    return allowed


class Favouring(Protocol):
    """Makes some texts likelier than the model holds them; see `ContextBias`."""

    def favour(self, scores: LogitRow, tokens: Sequence[int]) -> LogitRow:
        """The scores as the search is to rank them; they are not changed."""
        ...

    def at_stake(self, tokens: Sequence[int]) -> float:
        """What of the text's score is only lent, in natural log-probability."""
        ...


def common_prefix(texts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What all of one or more texts begin with."""
    if not texts:
        return ()
    first, last = min(texts), max(texts)  # in order, so that all between begin alike
    for i, token in enumerate(first):
        if i >= len(last) or token != last[i]:
            return first[:i]
    return first


def looping_from(tokens: Sequence[int], eot: int) -> int | None:
    """Where the second round of a final loop of the text begins, or None.

    Timestamps between the rounds differ, so they do not count.
    """
    return _of_text(loop_start, tokens, eot)


def retelling_from(tokens: Sequence[int], eot: int) -> int | None:
    """Where the text begins to say again, word for word, what it has said, or None."""
    return _of_text(retelling_start, tokens, eot)


def _of_text(
    find: Callable[[Sequence[int]], int | None], tokens: Sequence[int], eot: int
) -> int | None:
    """What `find` finds in the tokens of the text alone, as a place among all tokens."""
    at = [i for i, token in enumerate(tokens) if token < eot]
    start = find([tokens[i] for i in at])
    return None if start is None else at[start]
