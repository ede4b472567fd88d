"""Beam search: the likeliest few texts are followed at once, while they are close."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auricle.engines.whisper.decoding.rules import LogitRow, LogitRule
from auricle.engines.whisper.decoding.search import (
    Decoded,
    Favouring,
    Rows,
    SearchLimits,
    common_prefix,
    constrained,
    looping_from,
)
from auricle.engines.whisper.native.log_sum_exp import log_sum_exp
from auricle.engines.whisper.policy import Beam

_TIME = -1


@dataclass(frozen=True, slots=True)
class _Beam:
    """A text and the kernel's row that has been fed all of it but the last token.

    `total` is what the model and the bias give it; `spoken` are its tokens with all times alike.
    """

    row: int
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    total: float = 0.0
    spoken: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A beam and what may follow it.

    `gain` is `logprob` and what the bias adds; `at_stake` is what the bias only lends.
    """

    beam: _Beam
    token: int
    logprob: float
    gain: float
    at_stake: float
    spoken: tuple[int, ...]

    @property
    def total(self) -> float:
        return self.beam.total + self.gain

    @property
    def safe_total(self) -> float:
        """Without what is given back if the phrase that it is in goes on otherwise."""
        return self.total - self.at_stake

    def on(self, row: int) -> _Beam:
        """The beam it becomes on a row of its own."""
        tokens = (*self.beam.tokens, self.token)
        return _Beam(row, tokens, (*self.beam.logprobs, self.logprob), self.total, self.spoken)


@dataclass(frozen=True, slots=True)
class _Finished:
    """A text with its end, and what the model and the bias give to all of it."""

    decoded: Decoded
    total: float

    @property
    def rating(self) -> float:
        """The mean of a token, the end counted."""
        return self.total / (len(self.decoded.tokens) + 1)


@dataclass(frozen=True, slots=True)
class Biased:
    """A bias, and the texts in the middle of a phrase that are followed beside the likeliest."""

    bias: Favouring
    begun_phrases: Beam


class BeamSearch:
    """Up to `width` rows; ends when `width` texts are finished (openai/whisper, patience 1).

    Texts that are `margin` less likely than the best are given up (Freitag and Al-Onaizan 2017,
    "Beam Search Strategies for Neural Machine Translation", absolute threshold): where the model
    is sure, one row is left. Of texts that differ only in their times, the likeliest is followed:
    they would go on alike.

    With a bias, texts are followed as without one, but for the phrases they have completed; those
    that have begun one are followed beside them, so that they take nobody's place until the
    phrase is said.
    """

    def __init__(
        self,
        rows: Rows,
        row: int,
        rules: Sequence[LogitRule],
        limits: SearchLimits,
        *,
        beam: Beam,
        begun: Decoded | None = None,
        bias: Biased | None = None,
    ) -> None:
        """Take over `row`, which has been fed the prompt; `advance` gets its logits first.

        Args:
            rows: the kernel.
            row: the first beam's.
            rules: of the window.
            limits: when to end.
            beam: which texts are followed.
            begun: its tokens are kept and must have been fed as well.
            bias: makes some texts likelier for this search than they are.
        """
        self._rows = rows
        self._rules = rules
        self._limits = limits
        self._beam = beam
        self._biased = bias
        self._begun_phrases = bias.begun_phrases if bias else Beam(0, -math.inf)
        first = _Beam(row)
        if begun:
            first = _Beam(row, begun.tokens, begun.logprobs, sum(begun.logprobs))
        self._beams = [first]
        self._finished: list[_Finished] = []

    @property
    def tokens(self) -> Sequence[int]:
        """See `Search`: what all texts that may still win have in common."""
        return common_prefix(self.texts)

    @property
    def texts(self) -> Sequence[tuple[int, ...]]:
        """See `Search`."""
        followed = [beam.tokens for beam in self._beams]
        return [*followed, *(finished.decoded.tokens for finished in self._finished)]

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
        best = self._best_finished()
        for beam in self._beams:  # the likeliest first: it raises the bar for the others
            found = self._likeliest(beam, logits[beam.row], best)
            candidates += found
            best = max([best, *(candidate.safe_total for candidate in found)])
        self._continue(self._choose(candidates, best))
        return self._result()

    def _choose(self, candidates: Sequence[_Candidate], best: float) -> list[_Candidate]:
        """Those to be followed, by what is safe of their scores; then those amid a phrase."""
        chosen: dict[tuple[int, ...], _Candidate] = {}
        others = []
        for candidate in sorted(candidates, key=_safe_total, reverse=True):
            is_close = candidate.safe_total >= best - self._margin
            if candidate.spoken in chosen:
                continue
            if not is_close or len(chosen) == self._beam.width:
                others.append(candidate)
            elif candidate.token != self._limits.eot:
                chosen[candidate.spoken] = candidate
            elif len(self._finished) < self._beam.width:
                self._finished.append(_ended(candidate))
        others.sort(key=lambda candidate: candidate.total, reverse=True)
        least = best - self._begun_phrases.margin
        amid = [each for each in others if each.at_stake > 0 and each.total >= least]
        begun: dict[tuple[int, ...], _Candidate] = {}
        for candidate in amid:
            if candidate.spoken not in chosen:
                begun.setdefault(candidate.spoken, candidate)
        return [*chosen.values(), *list(begun.values())[: self._begun_phrases.width]]

    def close(self) -> None:
        """See `Search`."""
        for beam in self._beams:
            self._rows.leave(beam.row)
        self._beams = []

    @property
    def _margin(self) -> float:
        """How far a text may be behind the best one in this step."""
        return self._beam.margin_behind(self._beams[0].logprobs if self._beams else ())

    def _best_finished(self) -> float:
        return max((finished.total for finished in self._finished), default=-np.inf)

    def _likeliest(self, beam: _Beam, logits: LogitRow, best: float) -> list[_Candidate]:
        """Continuations near the best text so far and the first of them.

        One more than are followed, as one of them may be the end. Of times, the likeliest.
        """
        allowed = constrained(logits, beam.tokens, self._rules)
        bias = self._biased.bias if self._biased else None
        ranked = bias.favour(allowed, beam.tokens) if bias else allowed
        norm = log_sum_exp(allowed)
        margin = max(self._margin, self._begun_phrases.margin)
        found: list[_Candidate] = []
        while len(found) <= self._beam.width + self._begun_phrases.width:
            token = int(ranked.argmax())
            gain = float(ranked[token]) - norm
            if beam.total + gain < best - margin or gain == -np.inf:
                break
            is_time = token > self._limits.eot
            at_stake = bias.at_stake([*beam.tokens, token]) if bias else 0.0
            spoken = (*beam.spoken, _TIME if is_time else token)
            logprob = float(allowed[token]) - norm
            found.append(_Candidate(beam, token, logprob, gain, at_stake, spoken))
            best = max(best, found[-1].safe_total)
            if is_time:
                ranked[self._limits.eot + 1 :] = -np.inf
            else:
                ranked[token] = -np.inf
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
        if self._finished and (len(self._finished) >= self._beam.width or not self._beams):
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
        return max(self._finished, key=lambda finished: finished.rating).decoded


def _safe_total(candidate: _Candidate) -> float:
    return candidate.safe_total


def _ended(candidate: _Candidate) -> _Finished:
    beam = candidate.beam
    mean = float(np.mean([*beam.logprobs, candidate.logprob]))
    return _Finished(Decoded(beam.tokens, beam.logprobs, mean), candidate.total)
