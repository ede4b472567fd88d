"""Which window is encoded next, and when: encoding is what everybody else waits for.

A full window takes the encoder as long as twenty or thirty decoder steps take. So short
utterances are encoded first, even in the middle of a long one, and a long one waits while a short
one is being decoded: the decoder works on meanwhile, and nothing is lost but the order. Neither
wait is without end.
"""

from collections.abc import Collection
from dataclasses import dataclass

SHORT_S = 13.0
"""Length of an utterance that somebody is likely to wait for: a clip, or the first window of a
long recording."""

MAX_OVERTAKEN = 4
"""Shorter utterances that may be encoded before a stage of one that came earlier. Then all count
anew: a short one never waits for more than a stage, however many long ones there are."""

MAX_HELD_STEPS = 40
"""Decoder steps that a long window waits for short ones: enough for a short one's text."""


@dataclass(slots=True)
class _Waiting:
    key: int
    duration_s: float
    n_overtaken: int = 0
    n_held_steps: int = 0
    is_begun: bool = False

    @property
    def is_long(self) -> bool:
        """Whether short ones go first."""
        return self.duration_s > SHORT_S

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Lower is first: short ones, of these what was begun, of these the shortest."""
        return self.is_long, not self.is_begun, self.duration_s


class EncodeQueue:
    """Utterances that joined and are not encoded. Owner: a stepping engine."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []

    def __contains__(self, key: int) -> bool:
        return any(each.key == key for each in self._waiting)

    def push(self, key: int, duration_s: float) -> None:
        """An utterance wants to be encoded."""
        self._waiting.append(_Waiting(key, duration_s))

    def discard(self, key: int) -> None:
        """An utterance is encoded, or gone."""
        self._waiting = [each for each in self._waiting if each.key != key]

    def choose(self, decoding_s: Collection[float]) -> int | None:
        """The utterance to encode a stage of in this step, or None; call once a step.

        It stays until it is discarded.

        Args:
            decoding_s: lengths of the utterances that are being decoded.
        """
        if not self._waiting:
            return None
        due, best = self._waiting[0], min(self._waiting, key=lambda each: each.rank)
        is_due = due.n_overtaken >= MAX_OVERTAKEN
        chosen = due if is_due else best
        is_held = chosen.is_long and any(s <= SHORT_S for s in decoding_s)
        if is_held and chosen.n_held_steps < MAX_HELD_STEPS:
            chosen.n_held_steps += 1
            if best.is_long:
                return None
            chosen, is_due = best, False
        self._note(chosen, is_due=is_due)
        return chosen.key

    def _note(self, chosen: _Waiting, *, is_due: bool) -> None:
        """Count who is overtaken; all anew after a stage of one whose turn it was."""
        if is_due:
            for each in self._waiting:
                each.n_overtaken = 0
        elif not chosen.is_begun:
            for each in self._waiting[: self._waiting.index(chosen)]:
                each.n_overtaken += 1
        chosen.is_begun = True
