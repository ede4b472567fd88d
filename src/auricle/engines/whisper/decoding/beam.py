"""Beam search: the likeliest few texts are followed at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auricle.engines.whisper.decoding.rules import LogitRow, LogitRule
from auricle.engines.whisper.decoding.search import (
    Decoded,
    Rows,
    SearchLimits,
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

    @property
    def total(self) -> float:
        return sum(self.logprobs)

    def with_token(self, row: int, token: int, logprob: float) -> "_Beam":
        return _Beam(row, (*self.tokens, token), (*self.logprobs, logprob))


class BeamSearch:
    """Up to `width` rows; ends when `width` texts are finished (openai/whisper, patience 1).

    A text is rated by its mean log-probability, the end counted.
    """

    def __init__(
        self,
        rows: Rows,
        row: int,
        rules: Sequence[LogitRule],
        limits: SearchLimits,
        *,
        width: int,
    ) -> None:
        """Take over `row`, which has been fed the prompt; `advance` gets its logits first."""
        self._rows = rows
        self._rules = rules
        self._limits = limits
        self._width = width
        self._beams = [_Beam(row)]
        self._finished: list[Decoded] = []

    @property
    def tokens(self) -> Sequence[int]:
        """See `Search`."""
        return self._beams[0].tokens if self._beams else ()

    @property
    def logprobs(self) -> Sequence[float]:
        """See `Search`."""
        return self._beams[0].logprobs if self._beams else ()

    def feed(self) -> dict[int, list[int]]:
        """See `Search`."""
        return {beam.row: [beam.tokens[-1]] for beam in self._beams}

    def advance(self, logits: Mapping[int, LogitRow]) -> Decoded | None:
        """See `Search`."""
        candidates = [
            (beam, token, logprob)
            for beam in self._beams
            for token, logprob in self._likeliest(beam, logits[beam.row])
        ]
        candidates.sort(key=lambda candidate: candidate[0].total + candidate[2], reverse=True)
        chosen: list[tuple[_Beam, int, float]] = []
        for candidate in candidates:
            if len(chosen) == self._width:
                break
            if candidate[1] != self._limits.eot:
                chosen.append(candidate)
            elif len(self._finished) < self._width:
                self._finished.append(_ended(*candidate))
        self._continue(chosen)
        return self._result()

    def close(self) -> None:
        """See `Search`."""
        for beam in self._beams:
            self._rows.leave(beam.row)
        self._beams = []

    def _likeliest(self, beam: _Beam, logits: LogitRow) -> list[tuple[int, float]]:
        """One more than the width, as one of them may be the end."""
        allowed = constrained(logits, beam.tokens, self._rules)
        norm = log_sum_exp(allowed)
        count = min(self._width + 1, len(allowed))
        best = np.argpartition(allowed, -count)[-count:]
        return [(int(i), float(allowed[i]) - norm) for i in best if allowed[i] > -np.inf]

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
        if len(self._finished) >= self._width or (self._finished and not self._beams):
            return max(self._finished, key=lambda decoded: decoded.mean_logprob)
        best = self._beams[0]
        is_loop = looping_from(best.tokens, self._limits.eot) is not None
        is_cut = len(best.tokens) >= self._limits.max_tokens
        if not is_loop and not is_cut:
            return None
        if self._finished:
            return max(self._finished, key=lambda decoded: decoded.mean_logprob)
        mean = float(np.mean(best.logprobs))
        return Decoded(best.tokens, best.logprobs, mean, is_loop=is_loop, is_cut=is_cut)


def _ended(beam: _Beam, _eot: int, logprob: float) -> Decoded:
    mean = float(np.mean([*beam.logprobs, logprob]))
    return Decoded(beam.tokens, beam.logprobs, mean)
