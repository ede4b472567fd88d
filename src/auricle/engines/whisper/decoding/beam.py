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

_TIME = -1


@dataclass(frozen=True, slots=True)
class Unsure:
    """Texts whose mean log-probability is `below` are followed up to another `margin`."""

    below: float
    margin: float


@dataclass(frozen=True, slots=True)
class _Beam:
    """A text and the kernel's row that has been fed all of it but the last token.

    `spoken` are its tokens with all times alike.
    """

    row: int
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    total: float = 0.0
    spoken: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A beam and what may follow it."""

    beam: _Beam
    token: int
    logprob: float
    spoken: tuple[int, ...]

    @property
    def total(self) -> float:
        return self.beam.total + self.logprob

    def on(self, row: int) -> _Beam:
        """The beam it becomes on a row of its own."""
        tokens = (*self.beam.tokens, self.token)
        return _Beam(row, tokens, (*self.beam.logprobs, self.logprob), self.total, self.spoken)


@dataclass(frozen=True, slots=True)
class _Finished:
    """A text with its end, and the log-probability of all of it."""

    decoded: Decoded
    total: float


class BeamSearch:
    """Up to `width` rows; ends when `width` texts are finished (openai/whisper, patience 1).

    Texts that are `margin` less likely than the best are given up (Freitag and Al-Onaizan 2017,
    "Beam Search Strategies for Neural Machine Translation", absolute threshold): where the model
    is sure, one row is left. Of texts that differ only in their times, the likeliest is followed:
    they would go on alike. A text is rated by its mean
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
        unsure: Unsure | None = None,
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
            unsure: when to be more patient than that, and how much.
            begun: its tokens are kept and must have been fed as well.
        """
        self._rows = rows
        self._rules = rules
        self._limits = limits
        self._width = width
        self._sure_margin = margin
        self._unsure = unsure
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
        candidates: list[_Candidate] = []
        least = self._best_finished() - self._margin
        for beam in self._beams:  # the likeliest first: it raises the bar for the others
            found = self._likeliest(beam, logits[beam.row], least)
            candidates += found
            if found:
                least = max(least, found[0].total - self._margin)
        candidates.sort(key=lambda candidate: candidate.total, reverse=True)
        chosen: dict[tuple[int, ...], _Candidate] = {}
        for candidate in candidates:
            if len(chosen) == self._width or candidate.total < least:
                break
            if candidate.token != self._limits.eot:
                chosen.setdefault(candidate.spoken, candidate)
            elif len(self._finished) < self._width:
                self._finished.append(_ended(candidate))
        self._continue(list(chosen.values()))
        return self._result()

    def close(self) -> None:
        """See `Search`."""
        for beam in self._beams:
            self._rows.leave(beam.row)
        self._beams = []

    @property
    def _margin(self) -> float:
        """What may lie between a text and the best one at this step."""
        unsure = self._unsure
        if unsure is None or not self._beams or not (best := self._beams[0]).logprobs:
            return self._sure_margin
        is_unsure = best.total < unsure.below * len(best.logprobs)
        return unsure.margin if is_unsure else self._sure_margin

    def _best_finished(self) -> float:
        return max((finished.total for finished in self._finished), default=-np.inf)

    def _likeliest(self, beam: _Beam, logits: LogitRow, least: float) -> list[_Candidate]:
        """Continuations not below `least` in all, and within the margin of the first.

        One more than the width, as one of them may be the end. Of times, the likeliest.
        """
        allowed = constrained(logits, beam.tokens, self._rules)
        norm = log_sum_exp(allowed)
        found: list[_Candidate] = []
        while len(found) <= self._width:
            token = int(allowed.argmax())
            logprob = float(allowed[token]) - norm
            if beam.total + logprob < least or logprob == -np.inf:
                break
            is_time = token > self._limits.eot
            spoken = (*beam.spoken, _TIME if is_time else token)
            found.append(_Candidate(beam, token, logprob, spoken))
            least = max(least, beam.total + logprob - self._margin)
            if is_time:
                allowed[self._limits.eot + 1 :] = -np.inf
            else:
                allowed[token] = -np.inf
        return found

    def _continue(self, chosen: Sequence[_Candidate]) -> None:
        """Give every chosen continuation a row: its parent's, or a copy where that is taken."""
        taken: set[int] = set()
        beams = []
        for candidate in chosen:
            row = candidate.beam.row
            if row in taken:
                row = self._rows.fork(row)
            taken.add(row)
            beams.append(candidate.on(row))
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


def _ended(candidate: _Candidate) -> _Finished:
    beam = candidate.beam
    mean = float(np.mean([*beam.logprobs, candidate.logprob]))
    return _Finished(Decoded(beam.tokens, beam.logprobs, mean), candidate.total)
