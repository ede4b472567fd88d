"""Text as it becomes final, token by token."""

from collections.abc import Sequence

from auricle.engines.whisper.policy import retelling_start
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.transcript.joining import separator

MAX_HELD_TOKENS = 4
"""A UTF-8 character has at most four bytes, so at most four tokens wait for its end."""

MAX_PERIOD = 24
"""Tokens of the longest round of a loop that is looked for."""

_REPLACEMENT = "\ufffd"  # what an unfinished character decodes to


class IncrementalDetokenizer:
    """Tokens in, whole characters out; the pieces joined are the text of all tokens."""

    def __init__(self, tokenizer: WhisperTokenizer) -> None:
        self._tokenizer = tokenizer
        self._held: list[int] = []

    def push(self, token: int) -> str:
        """The text that this text token completes, "" if a character is still open."""
        self._held.append(token)
        text = self._tokenizer.decode(self._held)
        if text.endswith(_REPLACEMENT) and len(self._held) < MAX_HELD_TOKENS:
            return ""
        self._held.clear()
        return text

    def flush(self) -> str:
        """What is left, a broken character included."""
        text = self._tokenizer.decode(self._held) if self._held else ""
        self._held.clear()
        return text


class TextStream:
    """Deltas of a window; their concatenation begins the joined text of its segments.

    The last `lag` tokens are held back, as long as they may turn out to be the first of a loop.
    """

    def __init__(self, tokenizer: WhisperTokenizer, *, lag: int) -> None:
        self._tokenizer = tokenizer
        self._detokenizer = IncrementalDetokenizer(tokenizer)
        self._lag = lag
        self._n_taken = 0
        self._is_segment_start = True
        self._blanks = ""
        self._sent = ""

    @property
    def n_final(self) -> int:
        """Tokens that can no longer change, as text of theirs is out."""
        return self._n_taken if self._sent else 0

    def take(self, tokens: Sequence[int], texts: Sequence[Sequence[int]]) -> str:
        """The text that became final.

        Args:
            tokens: of the window, all that will not change.
            texts: how they go on, in one way or another; any of these may yet become a loop.
        """
        steady = (min(len(text) - self._lag, repetition_start(text)) for text in texts)
        end = min(len(tokens), *steady)
        if end > self._n_taken:  # else nothing is sent, and the longer search is saved
            end = min(end, *(retelling_start(text) or end for text in texts))
        text = ""
        while self._n_taken < end:
            text += self._push(tokens[self._n_taken])
            self._n_taken += 1
        return text

    def _push(self, token: int) -> str:
        if not self._tokenizer.is_timestamp(token):
            return self._final(self._detokenizer.push(token))
        text = self._final(self._detokenizer.flush())
        self._is_segment_start, self._blanks = True, ""
        return text

    def _final(self, text: str) -> str:
        """Without the outer blanks of segments; inner ones wait until text follows them."""
        bare = text.strip()
        if not bare:
            self._blanks += text
            return ""
        before = self._blanks + text[: text.index(bare)]
        if self._is_segment_start:
            before = separator(self._sent, bare)
        self._blanks = text[text.index(bare) + len(bare) :]
        self._is_segment_start = False
        self._sent += before + bare
        return before + bare


def repetition_start(tokens: Sequence[int]) -> int:
    """Where the tokens began to repeat what stands before, or their number if they do not."""
    n_tokens = len(tokens)
    start = n_tokens
    for period in range(1, min(MAX_PERIOD, n_tokens // 2) + 1):
        repeated = 0
        while (
            repeated < n_tokens - period and tokens[-1 - repeated] == tokens[-1 - repeated - period]
        ):
            repeated += 1
        if repeated >= max(period, 2):
            start = min(start, n_tokens - repeated)
    return start
