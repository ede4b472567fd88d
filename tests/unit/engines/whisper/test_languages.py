"""Where a window changes its language."""

import pytest

from auricle.engines.whisper.decoding.languages import first_change, stretches_to_ask


def odds(**sure: float) -> dict[str, float]:
    """Probabilities of four languages; what is not named shares the rest."""
    others = [code for code in ("en", "de", "fr", "haw") if code not in sure]
    rest = (1 - sum(sure.values())) / len(others)
    return {**dict.fromkeys(others, rest), **sure}


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([], None),
        ([odds(en=0.9)], None),
        ([odds(en=0.99), odds(en=0.95)], None),
        ([odds(en=0.99), odds(de=0.97)], 1),
        ([odds(en=0.9), odds(en=0.9), odds(de=0.99), odds(de=0.9)], 2),
        ([odds(en=0.99), odds(de=0.97), odds(fr=0.97)], 1),
    ],
)
def test_a_change_is_found_where_it_is(heard: list[dict[str, float]], expected: int | None) -> None:
    assert first_change(heard) == expected


@pytest.mark.parametrize("doubtful", [odds(haw=0.58), odds(de=0.23), odds(fr=0.4)])
def test_a_doubtful_stretch_is_no_change(doubtful: dict[str, float]) -> None:
    for place in range(4):
        heard = [odds(en=0.95)] * 3
        heard.insert(place, doubtful)
        assert first_change(heard) is None


def test_short_stretches_are_asked_together() -> None:
    assert stretches_to_ask([(0, 1), (1.5, 4), (5, 9), (10, 11)]) == [(0, 4), (5, 11)]
    assert stretches_to_ask([(0, 0.5)]) == [(0, 0.5)]
    assert stretches_to_ask([]) == []
