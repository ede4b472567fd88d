import json
from math import nan

import pytest

from auricle.scoring.wer import ErrorCounts
from peers.cast import Missing
from verdict import Aim, Series, compare, format_verdicts, hold, spread

OURS = Series("Auricle", [20, 30, 10], ErrorCounts(100, 5, 1, 2))


def test_a_comparison_is_the_median_of_the_rounds_ratios() -> None:
    peer = Series("peer", [10, 10, 10], ErrorCounts(100, 9, 0, 1))
    verdict = compare("speed", OURS, peer, Aim(2))
    assert verdict.reached == 2
    assert verdict.is_met
    assert verdict.cells()[2:] == [
        "20.0 [10.0-30.0]",
        "8/100 (8.0 %)",
        "peer",
        "10.0 [10.0-10.0]",
        "10/100 (10.0 %)",
        "2.00 x",
        "at least 2 x",
        "yes",
    ]


def test_a_round_in_which_one_side_failed_is_not_compared() -> None:
    peer = Series("peer", [nan, 10, 10], n_failed=1)
    verdict = compare("speed", OURS, peer, Aim(2.5))
    assert verdict.reached == 2
    assert verdict.cells()[-1] == "NO"
    assert "1 FAILED" in verdict.cells()[6]


def test_a_peer_that_is_missing_is_named() -> None:
    verdict = compare("speed", OURS, Missing("peer", "not installed"), Aim(2))
    assert verdict.is_met is None
    line = format_verdicts([verdict]).splitlines()[-1]
    assert "peer: not installed" in line
    assert "not measured" in line


@pytest.mark.parametrize(("limit", "met"), [(0.15, False), (0.25, True)])
def test_a_figure_is_held_against_a_limit(limit: float, met: bool) -> None:
    verdict = hold("share", Series("Auricle", [0.2]), Aim(limit, "%", at_least=False))
    assert verdict.is_met == met
    assert verdict.cells()[-3:-1] == ["20.0 %", f"at most {limit * 100:.1f} %"]


def test_results_are_json_also_of_a_failure() -> None:
    verdict = hold("time", Series("Auricle", [nan], n_failed=1), Aim(3, "s", at_least=False))
    values = json.loads(json.dumps(verdict.as_json(), allow_nan=False))
    assert values["ours"]["values"] == [None]
    assert (values["reached"], values["met"]) == (None, None)


def test_a_spread_shows_the_extremes_of_several_rounds() -> None:
    assert spread([1.234]) == "1.23"
    assert spread([3, 1, nan, 2]) == "2.00 [1.00-3.00]"
    assert spread([nan]) == "unknown"
