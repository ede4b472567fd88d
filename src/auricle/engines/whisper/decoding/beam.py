"""Beam search: the likeliest few texts are followed at once, while they are close."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auricle.engines.whisper.decoding.rules import LogitRow, LogitRule
from auricle.engines.whisper.decoding.search import (
    Decoded,
    Rows,
    SearchLimits,
    common_prefix,
    constrained,
    log_sum_exp,
    looping_from,
)


@dataclass(frozen=True, slots=True)
class _Beam:
    """A text and the kernel's row that has been fed all of it but the last token."""

    row: int
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    total: float = 0.0

    def with_token(self, row: int, token: int, logprob: float) -> "_Beam":
        return _Beam(row, (*self.tokens, token), (*self.logprobs, logprob), self.total + logprob)


@dataclass(frozen=True, slots=True)
class _Finished:
    """A text with its end, and the log-probability of all of it."""

    decoded: Decoded
    total: float


class BeamSearch:
    """Up to `width` rows; ends when `width` texts are finished (openai/whisper, patience 1).

    Texts that are `margin` less likely than the best are given up (Freitag and Al-Onaizan 2017,
    "Beam Search Strategies for Neural Machine Translation", absolute threshold): where the model
    is sure, which is nearly everywhere, one row is left. A text is rated by its mean
    log-probability, the end counted.
    """

    def __init__(
        self,
        rows: Rows,
        row: int,
        rules: Sequence[LogitRule],
        limits: SearchLimits,
        *,
        width: int,
        margin: float = math.inf,
        begun: Decoded | None = None,
    ) -> None:
        """Take over `row`, which has been fed the prompt; `advance` gets its logits first.

        Args:
            rows: the kernel.
            row: the first beam's.
            rules: of the window.
            limits: when to end.
            width: most texts followed at once.
            margin: natural log-probability behind the best from which a text is given up.
            begun: its tokens are kept and must have been fed as well.
        """
        self._rows = rows
        self._rules = rules
        self._limits = limits
        self._width = width
        self._margin = margin
        first = _Beam(row, begun.tokens, begun.logprobs) if begun else _Beam(row)
        self._beams = [first]
        self._finished: list[_Finished] = []

    @property
    def tokens(self) -> Sequence[int]:
        """See `Search`: what all texts that may still win have in common."""
        texts = [beam.tokens for beam in self._beams]
        texts += [finished.decoded.tokens for finished in self._finished]
        return common_prefix(texts)

    @property
    def logprobs(self) -> Sequence[float]:
        """See `Search`."""
        return self._beams[0].logprobs if self._beams else ()

    def feed(self) -> dict[int, list[int]]:
        """See `Search`."""
        return {beam.row: [beam.tokens[-1]] for beam in self._beams}

    def advance(self, logits: Mapping[int, LogitRow]) -> Decoded | None:
        """See `Search`."""
        candidates: list[tuple[_Beam, int, float]] = []
        least = self._best_finished() - self._margin
        for beam in self._beams:  # the likeliest first: it raises the bar for the others
            found = self._likeliest(beam, logits[beam.row], least)
            candidates += found
            if found:
                least = max(least, beam.total + found[0][2] - self._margin)
        candidates.sort(key=lambda candidate: candidate[0].total + candidate[2], reverse=True)
        chosen: list[tuple[_Beam, int, float]] = []
        for beam, token, logprob in candidates:
            if len(chosen) == self._width or beam.total + logprob < least:
                break
            if token != self._limits.eot:
                chosen.append((beam, token, logprob))
            elif len(self._finished) < self._width:
                self._finished.append(_ended(beam, logprob))
        self._continue(chosen)
        return self._result()

    def close(self) -> None:
        """See `Search`."""
        for beam in self._beams:
            self._rows.leave(beam.row)
        self._beams = []

    def _best_finished(self) -> float:
        return max((finished.total for finished in self._finished), default=-np.inf)

    def _likeliest(
        self, beam: _Beam, logits: LogitRow, least: float
    ) -> list[tuple[_Beam, int, float]]:
        """Continuations not below `least` in all, and within the margin of the first.

        One more than the width, as one of them may be the end.
        """
        allowed = constrained(logits, beam.tokens, self._rules)
        norm = log_sum_exp(allowed)
        found: list[tuple[_Beam, int, float]] = []
        while len(found) <= self._width:
            token = int(allowed.argmax())
            logprob = float(allowed[token]) - norm
            if beam.total + logprob < least or logprob == -np.inf:
                break
            found.append((beam, token, logprob))
            least = max(least, beam.total + logprob - self._margin)
            allowed[token] = -np.inf
        return found

    def _continue(self, chosen: Sequence[tuple[_Beam, int, float]]) -> None:
        """Give every chosen continuation a row: its parent's, or a copy where that is taken."""
        taken: set[int] = set()
        beams = []
        for beam, token, logprob in chosen:
            row = beam.row if beam.row not in taken else self._rows.fork(beam.row)
            taken.add(row)
            beams.append(beam.with_token(row, token, logprob))
        for beam in self._beams:
            if beam.row not in taken:
                self._rows.leave(beam.row)
        self._beams = beams

    def _result(self) -> Decoded | None:
        if self._finished and (len(self._finished) >= self._width or not self._beams):
            return self._best()
        best = self._beams[0]
        is_loop = looping_from(best.tokens, self._limits.eot) is not None
        is_cut = len(best.tokens) >= self._limits.max_tokens
        if not is_loop and not is_cut:
            return None
        if self._finished:
            return self._best()
        mean = float(np.mean(best.logprobs))
        return Decoded(best.tokens, best.logprobs, mean, is_loop=is_loop, is_cut=is_cut)

    def _best(self) -> Decoded:
        every = (finished.decoded for finished in self._finished)
        return max(every, key=lambda decoded: decoded.mean_logprob)


def _ended(beam: _Beam, logprob: float) -> _Finished:
    mean = float(np.mean([*beam.logprobs, logprob]))
    return _Finished(Decoded(beam.tokens, beam.logprobs, mean), beam.total + logprob)
