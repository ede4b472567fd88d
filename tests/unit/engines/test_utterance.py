"""What an utterance says of the speech in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.engines.protocol import Utterance

SILENCE = np.zeros(16_000, np.float32)


@pytest.mark.parametrize(
    ("speech_s", "expected_s"), [(0.5, 8.5), (1, 8.0), (1.5, 3.5), (3, 2.0), (4, 1.0), (4.5, 0.0)]
)
def test_the_last_time_with_so_much_speech_behind_it(speech_s: float, expected_s: float) -> None:
    assert Utterance(SILENCE, ((1.0, 4.0), (8.0, 9.0))).last_before_s(speech_s) == expected_s


def test_nobody_looked_for_speech() -> None:
    assert Utterance(SILENCE).last_before_s(1) == 0


@given(
    edges=st.lists(st.integers(0, 300), unique=True, max_size=20),
    wanted=st.integers(1, 100),
)
def test_it_has_so_much_behind_it_and_no_later_one_has(edges: list[int], wanted: int) -> None:
    edges = sorted(edges)
    speech = tuple(zip(edges[::2], edges[1::2], strict=False))
    at = Utterance(SILENCE, speech).last_before_s(wanted)

    def behind(time: float) -> float:
        return sum(max(0, end - max(start, time)) for start, end in speech)

    assert behind(at) == wanted if at > 0 else behind(0) <= wanted
    assert behind(at + 1) < wanted
