"""Which languages a window is spoken in: one for all of it, or one after the other.

A window is encoded once; then the first step of the decoder, over a stretch of speech alone, says
what that stretch is spoken in. Stretches are short and their languages uncertain, so a change has
to pay: it is believed where everything else would be very unlikely.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from auricle.engines.protocol import Stretch
from auricle.engines.whisper.decoding.rules import LogitRow
from auricle.engines.whisper.decoding.search import log_sum_exp

MIN_STRETCH_S = 2.5
"""Speech below which a stretch is joined with the next: too little to tell a language from."""

CHANGE_COST = 4.0
"""Natural logarithm of how much likelier a window must become by one change of language."""

_LEAST = 1e-6
"""Probability of a language below which it makes no difference any more."""

Probabilities = Mapping[str, float]
"""Of each language, by its two-letter code."""


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


def first_change(heard: Sequence[Probabilities]) -> int | None:
    """The first stretch in another language than those before it, or None.

    The likeliest languages of all stretches together, each change counted with `CHANGE_COST`.
    """
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
    return next((i + 1 for i, (one, next_) in enumerate(pairwise(path)) if one != next_), None)


def _is_short(stretch: Stretch) -> bool:
    return stretch[1] - stretch[0] < MIN_STRETCH_S
