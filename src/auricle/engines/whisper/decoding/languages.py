"""Which languages a window is spoken in: one for all of it, or one after the other.

A window is encoded once; then the first step of the decoder, over a stretch of speech alone, says
what that stretch is spoken in. Stretches are short, and the encoder mixes what lies beside each
other, so that only makes a change suspected. Where it is, the shorter side is encoded alone: the
change is believed if that is clearly in another language than the other side.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auricle.engines.protocol import Stretch
from auricle.engines.whisper.decoding.rules import LogitRow
from auricle.engines.whisper.native.log_sum_exp import log_sum_exp

MIN_STRETCH_S = 2.5
"""Speech below which a stretch is joined with the next: too little to tell a language from."""

CHANGE_COST = 1.5
"""Natural logarithm of how much likelier a window must become by one change of language for that
to be suspected."""

SURE_ALONE = 0.5
"""Probability from which a side that was encoded alone is in another language."""

_LEAST = 1e-6
"""Probability of a language below which it makes no difference any more."""

Probabilities = Mapping[str, float]
"""Of each language, by its two-letter code."""


@dataclass(frozen=True, slots=True)
class SuspectedChange:
    """Another language may begin at `at_s`, in seconds.

    `alone` is the side to be encoded alone, `other` the language of the other side.
    """

    at_s: float
    alone: Stretch
    other: str

    @property
    def is_first(self) -> bool:
        """Whether the side before the change is the one to be encoded alone."""
        return self.alone[0] == 0

    @property
    def alone_s(self) -> float:
        """Length of that side."""
        return self.alone[1] - self.alone[0]

    def is_confirmed_by(self, heard: Probabilities) -> bool:
        """Whether what the side is spoken in when encoded alone makes it a change."""
        best = max(heard, key=lambda code: heard[code])
        return best != self.other and heard[best] >= SURE_ALONE


def probabilities_of(logits: LogitRow, languages: Mapping[int, str]) -> dict[str, float]:
    """What the logits after the first token say of the languages, whose tokens are given."""
    scores = logits[list(languages)]
    found: defaultdict[str, float] = defaultdict(float)
    for code, share in zip(languages.values(), np.exp(scores - log_sum_exp(scores)), strict=True):
        found[code] += float(share)
    return dict(found)


def stretches_to_ask(speech: Sequence[Stretch]) -> list[Stretch]:
    """Neighbouring stretches of speech joined until each is long enough."""
    joined: list[Stretch] = []
    for start_s, end_s in speech:
        if joined and _is_short(joined[-1]):
            joined[-1] = (joined[-1][0], end_s)
        else:
            joined.append((start_s, end_s))
    if len(joined) > 1 and _is_short(joined[-1]):
        _, end_s = joined.pop()
        joined[-1] = (joined[-1][0], end_s)
    return joined


def suspected_change(
    stretches: Sequence[Stretch], heard: Sequence[Probabilities], duration_s: float
) -> SuspectedChange | None:
    """The first place where a window seems to change its language.

    Args:
        stretches: in seconds, in the order in which they are spoken.
        heard: what each of them may be spoken in.
        duration_s: of the window.
    """
    path = _likeliest_languages(heard)
    firsts = [i for i in range(1, len(path)) if path[i] != path[i - 1]]
    if not firsts:
        return None
    edges_s = [(stretches[i - 1][1] + stretches[i][0]) / 2 for i in firsts]
    change_s, end_s = [*edges_s, duration_s][:2]
    before, after = path[0], path[firsts[0]]
    if change_s <= end_s - change_s:
        return SuspectedChange(change_s, (0.0, change_s), after)
    return SuspectedChange(change_s, (change_s, end_s), before)


def _likeliest_languages(heard: Sequence[Probabilities]) -> list[str]:
    """The language of each stretch, all together the likeliest, with `CHANGE_COST` (Viterbi)."""
    languages = list(heard[0]) if heard else []
    costs = dict.fromkeys(languages, 0.0)
    steps: list[dict[str, str]] = []  # of each stretch: the language before, by its own
    for probabilities in heard:
        cheapest = min(costs, key=lambda code: costs[code])
        before, following = {}, {}
        for code in languages:
            changed = costs[cheapest] + CHANGE_COST
            before[code] = code if costs[code] <= changed else cheapest
            following[code] = min(costs[code], changed) - math.log(max(probabilities[code], _LEAST))
        steps.append(before)
        costs = following
    path = [min(costs, key=lambda code: costs[code])] if heard else []
    for before in reversed(steps[1:]):
        path.append(before[path[-1]])
    path.reverse()
    return path


def _is_short(stretch: Stretch) -> bool:
    return stretch[1] - stretch[0] < MIN_STRETCH_S
