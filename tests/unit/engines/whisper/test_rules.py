from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from auricle.engines.whisper.decoding.rules import (
    EndInTime,
    GoOn,
    LogitRule,
    SuppressAtBegin,
    SuppressTokens,
    TimestampRules,
)

EOT, NO_TIMESTAMPS, BEGIN, N_VOCAB = 50, 59, 60, 160
RULES = TimestampRules(eot=EOT, no_timestamps=NO_TIMESTAMPS, last_s=1.5, step_s=0.02)


def flat() -> NDArray[np.float32]:
    logits = np.zeros(N_VOCAB, np.float32)
    logits[:BEGIN] = 10  # text is likely, so that the weight of timestamps decides nothing
    return logits


def allowed(tokens: list[int], logits: NDArray[np.float32] | None = None) -> set[int]:
    row = flat() if logits is None else logits
    RULES.apply(row, tokens)
    return {int(i) for i in np.flatnonzero(row > -np.inf)}


def test_suppressed_tokens_never_come() -> None:
    row = flat()
    SuppressTokens([3, 3, 7]).apply(row, [1])
    assert set(np.flatnonzero(row == -np.inf)) == {3, 7}


def test_begin_rule_holds_only_for_the_first_token() -> None:
    row = flat()
    SuppressAtBegin([EOT]).apply(row, [1])
    assert row[EOT] > -np.inf
    SuppressAtBegin([EOT]).apply(row, [])
    assert row[EOT] == -np.inf


def test_window_opens_with_an_early_timestamp() -> None:
    assert allowed([]) == set(range(BEGIN, BEGIN + 51))


def test_after_the_opening_timestamp_comes_text() -> None:
    assert allowed([BEGIN]) == set(range(BEGIN)) - {NO_TIMESTAMPS}


def test_no_timestamp_before_the_last_one_or_after_the_window() -> None:
    times = {t for t in allowed([BEGIN + 10, 1]) if t >= BEGIN}
    assert times == set(range(BEGIN + 11, BEGIN + 76))


def test_closing_timestamp_is_followed_by_the_same_or_a_later_one_or_the_end() -> None:
    after = allowed([BEGIN, 1, BEGIN + 30])
    assert after == {*range(EOT, BEGIN), *range(BEGIN + 30, BEGIN + 76)} - {NO_TIMESTAMPS}


def test_likely_timestamps_together_outweigh_a_likelier_single_text_token() -> None:
    row = np.full(N_VOCAB, -30, np.float32)
    row[5] = 1.0
    row[BEGIN + 20 : BEGIN + 40] = 0.0  # together log(20) = 3
    assert min(allowed([BEGIN, 1], row)) >= BEGIN
    row = np.full(N_VOCAB, -30, np.float32)
    row[5] = 4.0
    row[BEGIN + 20 : BEGIN + 40] = 0.0
    assert 5 in allowed([BEGIN, 1], row)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=60))
def test_any_text_the_rules_allow_is_framed_by_ascending_pairs(seeds: list[int]) -> None:
    tokens: list[int] = []
    for seed in seeds:
        row = np.random.default_rng(seed).normal(size=N_VOCAB).astype(np.float32)
        RULES.apply(row, tokens)
        tokens.append(int(row.argmax()))
        assert row[tokens[-1]] > -np.inf
        if tokens[-1] == EOT:
            break
    times = [t for t in tokens if t >= BEGIN]
    assert times == sorted(times)
    assert tokens[0] >= BEGIN
    for before, token in pairwise(tokens):
        assert not (before >= BEGIN and token >= BEGIN and tokens.index(before) == 0)


def test_rules_leave_something_to_choose_at_the_end_of_the_window() -> None:
    assert EOT in allowed([BEGIN, 1, BEGIN + 75])


@pytest.mark.parametrize("tokens", [[BEGIN, 1, BEGIN + 75, BEGIN + 75]])
def test_text_after_the_last_possible_pair_may_only_end(tokens: list[int]) -> None:
    after = allowed([*tokens, 1])
    assert EOT in after
    assert not {t for t in after if t >= BEGIN}


@pytest.mark.parametrize(
    ("tokens", "may_end"),
    [
        ([], True),
        ([BEGIN, 1], True),
        ([BEGIN, 1, 69], True),
        ([BEGIN, 1, 70], False),
        ([BEGIN, 1, 70, 70], False),
        ([BEGIN, 1, 79], False),
        ([BEGIN, 1, 80], True),
    ],
)
def test_no_end_behind_a_time_that_leaves_speech(tokens: list[int], *, may_end: bool) -> None:
    logits = flat()
    GoOn(eot=EOT, times=range(70, 80)).apply(logits, tokens)
    assert (logits[EOT] > -np.inf) == may_end
    assert np.isfinite(np.delete(logits, EOT)).all()


@given(seeds=st.lists(st.integers(0, 2**31), min_size=12, max_size=12))
def test_a_text_that_has_no_more_room_is_closed_by_a_time(seeds: list[int]) -> None:
    rules: list[LogitRule] = [RULES, EndInTime(eot=EOT, no_timestamps=NO_TIMESTAMPS, max_tokens=12)]
    tokens: list[int] = []
    for seed in seeds:
        logits = np.random.default_rng(seed).normal(size=N_VOCAB).astype(np.float32)
        logits[EOT] = -20
        for rule in rules:
            rule.apply(logits, tokens)
        best = int(logits.argmax())
        assert logits[best] > -np.inf
        if best == EOT:
            break
        tokens.append(best)
    is_last_time_reached = max(tokens, default=0) == BEGIN + 75
    assert tokens[-1] >= BEGIN or is_last_time_reached
