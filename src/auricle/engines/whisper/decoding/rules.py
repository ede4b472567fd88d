"""What may come next: rules that change a row of logits before a token is chosen."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MAX_INITIAL_TIMESTAMP_S = 1.0
"""How far into a window the first segment may begin (openai/whisper `decoding.py`)."""

LogitRow = NDArray[np.float32]
"""Scores of every token, shape (n_vocab,)."""


class LogitRule(Protocol):
    """Changes a row of logits in place, knowing the tokens since the prompt."""

    def apply(self, logits: LogitRow, tokens: Sequence[int]) -> None:
        """Forbid tokens with -inf, favour them by adding."""
        ...


class SuppressTokens:
    """Tokens that are never chosen: symbols that are not spoken, other prompts' tokens."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = np.array(sorted(set(tokens)), np.int64)

    def apply(self, logits: LogitRow, tokens: Sequence[int]) -> None:
        """See `LogitRule`."""
        logits[self._tokens] = -np.inf


class SuppressAtBegin(SuppressTokens):
    """Tokens that cannot come first: a blank, the end."""

    def apply(self, logits: LogitRow, tokens: Sequence[int]) -> None:
        """See `LogitRule`."""
        if not tokens:
            super().apply(logits, tokens)


class GoOn:
    """No end behind some times: speech follows that would have to be encoded again.

    Whisper likes to leave the last sentence of a window to the next one (Radford et al. 2022,
    section 4.5), though it hears it as well as those before.
    """

    def __init__(self, *, eot: int, times: range) -> None:
        """Args: `eot` is the end, `times` are timestamps that must not be the last token."""
        self._eot = eot
        self._times = times

    def apply(self, logits: LogitRow, tokens: Sequence[int]) -> None:
        """See `LogitRule`."""
        if tokens and tokens[-1] in self._times:
            logits[self._eot] = -np.inf


class EndInTime:
    """The last token there is room for closes the text: what lies behind it is heard later."""

    def __init__(self, *, eot: int, no_timestamps: int, max_tokens: int) -> None:
        """Args: see the tokenizer; a text has `max_tokens` at most."""
        self._eot = eot
        self._begin = no_timestamps + 1
        self._max_tokens = max_tokens

    def apply(self, logits: LogitRow, tokens: Sequence[int]) -> None:
        """See `LogitRule`; to be applied behind all others."""
        n_left = self._max_tokens - len(tokens)
        if n_left > 2 or not tokens:
            return
        if tokens[-1] >= self._begin:  # what would follow has no room for words and their end
            logits[:] = -np.inf
            logits[self._eot] = 0.0
        elif n_left == 1 and logits[self._begin :].max() > -np.inf:
            logits[: self._begin] = -np.inf


class TimestampRules:
    """Timestamps come in pairs around segments, never go back, and open the window.

    The rules of openai/whisper `decoding.py`, ApplyTimestampRules.
    """

    def __init__(self, *, eot: int, no_timestamps: int, last_s: float, step_s: float) -> None:
        """Args: see the tokenizer; `last_s` is the latest time that may be given, seconds."""
        self._eot = eot
        self._no_timestamps = no_timestamps
        self._begin = no_timestamps + 1
        self._last = self._begin + round(last_s / step_s)
        self._last_initial = self._begin + round(MAX_INITIAL_TIMESTAMP_S / step_s)

    def apply(self, logits: LogitRow, tokens: Sequence[int]) -> None:
        """See `LogitRule`."""
        logits[self._no_timestamps] = -np.inf
        logits[self._last + 1 :] = -np.inf
        if tokens:
            self._apply_pairs(logits, tokens)
        else:
            logits[: self._begin] = -np.inf
            logits[self._last_initial + 1 :] = -np.inf
        self._apply_weight(logits)

    def _apply_pairs(self, logits: LogitRow, tokens: Sequence[int]) -> None:
        last_is_time = tokens[-1] >= self._begin
        before_is_time = len(tokens) < 2 or tokens[-2] >= self._begin
        if last_is_time and before_is_time:  # a segment was opened: text must follow
            logits[self._begin :] = -np.inf
        elif last_is_time:  # a segment was closed: the next opens, or the window ends
            logits[: self._eot] = -np.inf
        latest = next((token for token in reversed(tokens) if token >= self._begin), None)
        if latest is not None:
            is_closing = last_is_time and not before_is_time
            logits[self._begin : latest if is_closing else latest + 1] = -np.inf

    def _apply_weight(self, logits: LogitRow) -> None:
        """When all timestamps together are likelier than any text, one of them it is."""
        times = logits[self._begin :]
        best = times.max()
        if best == -np.inf:
            return
        together = best + np.log(np.exp(times - best).sum())
        if together > logits[: self._begin].max():
            logits[: self._begin] = -np.inf
