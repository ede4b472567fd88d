"""The likeliest token, or one drawn at a temperature, step by step."""

from collections.abc import Mapping, Sequence

import numpy as np

from auricle.engines.whisper.decoding.rules import LogitRow, LogitRule
from auricle.engines.whisper.decoding.search import (
    Decoded,
    Favouring,
    Rows,
    SearchLimits,
    constrained,
    looping_from,
)
from auricle.engines.whisper.native.log_sum_exp import log_sum_exp


class GreedySearch:
    """One row. At a temperature above 0 tokens are drawn; the seed makes that repeatable."""

    def __init__(
        self,
        rows: Rows,
        row: int,
        rules: Sequence[LogitRule],
        limits: SearchLimits,
        *,
        temperature: float = 0.0,
        begun: Decoded | None = None,
        seed: int = 0,
        bias: Favouring | None = None,
    ) -> None:
        """Take over `row`, which has been fed the prompt; `advance` gets its logits first.

        The tokens of `begun` are kept and must have been fed as well.
        """
        self._rows = rows
        self._row = row
        self._rules = rules
        self._limits = limits
        self._temperature = temperature
        self._bias = bias
        self._random = np.random.default_rng(seed)
        self._tokens = list(begun.tokens) if begun else []
        self._logprobs = list(begun.logprobs) if begun else []

    @property
    def tokens(self) -> Sequence[int]:
        """See `Search`."""
        return self._tokens

    @property
    def texts(self) -> Sequence[Sequence[int]]:
        """See `Search`."""
        return [self._tokens]

    @property
    def logprobs(self) -> Sequence[float]:
        """See `Search`."""
        return self._logprobs

    def feed(self) -> dict[int, list[int]]:
        """See `Search`."""
        return {self._row: [self._tokens[-1]]}

    def advance(self, logits: Mapping[int, LogitRow]) -> Decoded | None:
        """See `Search`."""
        allowed = constrained(logits[self._row], self._tokens, self._rules)
        ranked = self._bias.favour(allowed, self._tokens) if self._bias else allowed
        token = self._choose(ranked)
        logprob = float(allowed[token]) - log_sum_exp(allowed)
        if token == self._limits.eot:
            return self._result(logprob)
        self._tokens.append(token)
        self._logprobs.append(logprob)
        if looping_from(self._tokens, self._limits.eot) is not None:
            return self._result(is_loop=True)
        if len(self._tokens) >= self._limits.max_tokens:
            return self._result(is_cut=True)
        return None

    def close(self) -> None:
        """See `Search`."""
        self._rows.leave(self._row)

    def _choose(self, ranked: LogitRow) -> int:
        if not self._temperature:
            return int(ranked.argmax())
        # The greatest of logits with Gumbel noise is a draw from their softmax.
        noise = self._random.gumbel(size=ranked.shape)
        return int((ranked / self._temperature + noise).argmax())

    def _result(
        self, end_logprob: float | None = None, *, is_loop: bool = False, is_cut: bool = False
    ) -> Decoded:
        every = self._logprobs if end_logprob is None else [*self._logprobs, end_logprob]
        return Decoded(
            tuple(self._tokens),
            tuple(self._logprobs),
            float(np.mean(every)),
            is_loop=is_loop,
            is_cut=is_cut,
        )
