"""How much context an utterance is given."""

import pytest

from auricle.engines.whisper.decoding.context import FULL_CONTEXT_S, ContextPolicy

POLICY = ContextPolicy()


@pytest.mark.parametrize(
    ("duration_s", "context_s"), [(0.1, 15), (4, 15), (14, 15), (20, 21), (29.5, 30)]
)
def test_context_fits_the_utterance_within_bounds(duration_s: float, context_s: float) -> None:
    assert POLICY.context_s(duration_s) == context_s


@pytest.mark.parametrize("duration_s", [1.0, 8.0, 29.0])
def test_later_attempts_have_all_of_it(duration_s: float) -> None:
    first, *others = POLICY.attempts((0.0, 0.4, 0.8), duration_s)
    assert first.temperature == 0
    assert {each.context_s for each in others} == {FULL_CONTEXT_S}
    assert len({*others, first}) == len(others) + 1
