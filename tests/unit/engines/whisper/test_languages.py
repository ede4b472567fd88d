"""Where a window may change its language, and when that is believed."""

import pytest

from auricle.engines.whisper.decoding.languages import (
    SuspectedChange,
    stretches_to_ask,
    suspected_change,
)


def odds(**sure: float) -> dict[str, float]:
    """Probabilities of four languages; what is not named shares the rest."""
    others = [code for code in ("en", "de", "fr", "haw") if code not in sure]
    rest = (1 - sum(sure.values())) / len(others)
    return {**dict.fromkeys(others, rest), **sure}


def suspected(*heard: dict[str, float], last_s: float = 3.0) -> SuspectedChange | None:
    """Stretches of 3 s with a second between them; the last one is of another length."""
    stretches = [(4.0 * i, 4.0 * i + 3) for i in range(len(heard))]
    if stretches:
        stretches[-1] = (stretches[-1][0], stretches[-1][0] + last_s)
    return suspected_change(stretches, heard, stretches[-1][1] if stretches else 1.0)


@pytest.mark.parametrize(
    "heard",
    [
        [],
        [odds(en=0.9)],
        [odds(en=0.99), odds(en=0.95)],
        [odds(en=0.95), odds(en=0.3, de=0.35), odds(en=0.95)],
    ],
)
def test_one_language_is_not_suspected(heard: list[dict[str, float]]) -> None:
    assert suspected(*heard) is None


def test_a_change_is_suspected_between_two_stretches() -> None:
    assert suspected(odds(en=0.99), odds(de=0.8), last_s=9) == SuspectedChange(3.5, (0, 3.5), "de")
    assert suspected(odds(en=0.99), odds(en=0.9), odds(de=0.8)) == SuspectedChange(
        7.5, (7.5, 11), "en"
    )


def test_the_shorter_side_ends_where_a_third_language_begins() -> None:
    change = suspected(odds(en=0.99), odds(en=0.99), odds(de=0.97), odds(fr=0.97), last_s=20)
    assert change == SuspectedChange(7.5, (7.5, 11.5), "en")
    assert not change.is_first
    assert change.alone_s == 4


def test_a_doubtful_stretch_is_suspected_and_not_believed() -> None:
    change = suspected(odds(en=0.95), odds(en=0.95), odds(haw=0.9))
    assert change is not None
    assert not change.is_confirmed_by(odds(en=0.9))
    assert not change.is_confirmed_by(odds(haw=0.4))
    assert change.is_confirmed_by(odds(haw=0.6))
    assert change.is_confirmed_by(odds(fr=0.6))  # another one is heard when it stands alone


def test_short_stretches_are_asked_together() -> None:
    assert stretches_to_ask([(0, 1), (1.5, 4), (5, 9), (10, 11)]) == [(0, 4), (5, 11)]
    assert stretches_to_ask([(0, 0.5)]) == [(0, 0.5)]
    assert stretches_to_ask([]) == []
