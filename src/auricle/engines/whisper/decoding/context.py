"""How much of its 30 s of context Whisper is given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FULL_CONTEXT_S = 30.0
"""What Whisper was trained on; the encoder takes no more."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One decoding: sampling temperature (0 is the search of the policy) and context, seconds."""

    temperature: float
    context_s: float


@dataclass(frozen=True, slots=True)
class ContextPolicy:
    """The context of an utterance: its length and `margin_s`, at least `floor_s`, at most 30 s.

    The encoder's work falls faster than the context. Below about 10 s Whisper loops, and a few
    words are lost below 20 s: `docs/benchmarks.md` has both sides of the bargain.
    """

    floor_s: float = 15.0
    margin_s: float = 1.0

    def context_s(self, duration_s: float) -> float:
        """Seconds of context for so many seconds of speech."""
        return min(FULL_CONTEXT_S, max(self.floor_s, duration_s + self.margin_s))

    def attempts(self, temperatures: Sequence[float], duration_s: float) -> Iterator[Attempt]:
        """What to try, in order: the full context comes before a higher temperature."""
        first, *others = temperatures
        context_s = self.context_s(duration_s)
        yield Attempt(first, context_s)
        if context_s < FULL_CONTEXT_S:
            yield Attempt(first, FULL_CONTEXT_S)
        for other in others:
            yield Attempt(other, FULL_CONTEXT_S)
