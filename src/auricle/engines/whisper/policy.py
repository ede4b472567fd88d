"""When a decoding is believed, and what is tried when it is not."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BiasStrength:
    """What the tokens of an expected phrase add to a text, in natural log-probability."""

    first: float = 0.5
    following: float = 1.5


@dataclass(frozen=True, slots=True)
class Unsure:
    """While the mean log-probability of the best text is `below`, others may be `margin` behind.

    A text's first tokens say little: it is judged after `n_tokens`, or the first words of a
    recording would wait for texts that are still apart.
    """

    below: float
    margin: float
    n_tokens: int = 6


@dataclass(frozen=True, slots=True)
class Beam:
    """Texts followed at once, and how far they may be behind the best (log-probability)."""

    width: int
    margin: float
    unsure: Unsure | None = None

    def margin_behind(self, logprobs: Sequence[float]) -> float:
        """The margin, given the log-probabilities of the best text's tokens."""
        unsure = self.unsure
        if unsure is None or len(logprobs) < unsure.n_tokens:
            return self.margin
        is_unsure = sum(logprobs) < unsure.below * len(logprobs)
        return unsure.margin if is_unsure else self.margin


@dataclass(frozen=True, slots=True)
class DecodePolicy:
    """Thresholds of Radford et al. 2022, section 4.5, and our own bounds.

    Texts are followed that are at least half as likely as the best, at most `beam_size` of them:
    `beam_margin` is the natural logarithm of that; while the best text is in doubt, `unsure` says
    otherwise. `begun_phrases` are the texts in the middle of an expected phrase that are followed
    beside them.

    A result that runs in a loop, whose text repeats itself (`compression_ratio`), or that the
    model itself holds unlikely (`mean_logprob`) is decoded again. The paper's compression
    threshold of 2.4 also hits real anaphora ("it was the best of times, it was the worst of
    times …"); loops are found by `is_loop`, so ours can be looser where the model is sure
    (`sure_mean_logprob`), which it is of what was really said.
    """

    beam_size: int = 5
    beam_margin: float = 0.7
    unsure: Unsure = Unsure(-0.25, 3.0)
    begun_phrases: Beam = Beam(4, 3.0)
    bias: BiasStrength = BiasStrength()
    temperatures: tuple[float, ...] = (0.0, 0.4, 0.8)
    max_compression_ratio: float = 3.0
    max_unsure_compression_ratio: float = 2.4
    sure_mean_logprob: float = -0.5
    min_mean_logprob: float = -1.0
    max_no_speech_probability: float = 0.6
    sure_no_speech_probability: float = 0.8
    max_tokens_per_s: float = 25.0
    max_tokens: int = 224
    max_characters_per_s: float = 30.0

    def token_cap(self, duration_s: float) -> int:
        """Tokens a window of that much speech can plausibly need."""
        return min(self.max_tokens, 24 + round(self.max_tokens_per_s * duration_s))

    @property
    def beam(self) -> Beam:
        """The texts that are followed."""
        return Beam(self.beam_size, self.beam_margin, self.unsure)

    @property
    def widest_beam(self) -> int:
        """Most texts that one window follows at once."""
        return self.beam_size + self.begun_phrases.width

    def attempts(self, temperature: float | None) -> tuple[float, ...]:
        """Temperatures to try, in order, until a result is believed; 0 is beam search."""
        return (temperature,) if temperature else self.temperatures

    def believes(self, tokens: Sequence[int], text: str, mean_logprob: float) -> bool:
        """Whether a result is good enough to be the last attempt."""
        return (
            mean_logprob >= self.min_mean_logprob
            and not is_loop(tokens)
            and not self.repeats(text, mean_logprob)
        )

    def repeats(self, text: str, mean_logprob: float) -> bool:
        """Whether a text repeats itself more than speech does."""
        is_sure = mean_logprob >= self.sure_mean_logprob
        most = self.max_compression_ratio if is_sure else self.max_unsure_compression_ratio
        return compression_ratio(text) > most

    def is_too_fast(self, text: str, duration_s: float) -> bool:
        """Whether nobody could say that text in that time, in whatever script it is written."""
        return len(text) > self.max_characters_per_s * max(duration_s, 1.0)

    def is_silence(self, no_speech_probability: float, mean_logprob: float) -> bool:
        """Whether the model itself says that nobody spoke; the surer, the less a text counts."""
        if no_speech_probability > self.sure_no_speech_probability:
            return mean_logprob < self.sure_mean_logprob
        return (
            no_speech_probability > self.max_no_speech_probability
            and mean_logprob < self.min_mean_logprob
        )


def compression_ratio(text: str) -> float:
    """How well the text compresses; above about 2.4 it repeats itself."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def is_loop(tokens: Sequence[int]) -> bool:
    """Whether the tokens end in a run that repeats at least four times over eight tokens."""
    return loop_start(tokens) is not None


def loop_start(tokens: Sequence[int], *, max_period: int = 24) -> int | None:
    """Where the second round of a final loop begins, or None; what lies before it is kept."""
    n = len(tokens)
    for period in range(1, min(max_period, n // 4) + 1):
        repeated = 0
        while repeated < n - period and tokens[-1 - repeated] == tokens[-1 - repeated - period]:
            repeated += 1
        if repeated >= max(3 * period, 8):
            return n - repeated
    return None


def retelling_start(tokens: Sequence[int], *, n_same: int = 24) -> int | None:
    """Where the first run of `n_same` tokens begins that stands before, too, or None."""
    seen: set[tuple[int, ...]] = set()
    for i in range(n_same, len(tokens) - n_same + 1):
        seen.add(tuple(tokens[i - n_same : i]))
        if tuple(tokens[i : i + n_same]) in seen:
            return i
    return None
