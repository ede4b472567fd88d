from itertools import pairwise

import pytest

from auricle.scoring.wer import ErrorCounts, align, count_errors, count_errors_by_block


@pytest.mark.parametrize(
    ("reference", "hypothesis", "counts"),
    [
        ("a b c", "a b c", ErrorCounts(3)),
        ("a b c", "a x c", ErrorCounts(3, substitutions=1)),
        ("a b c", "a c", ErrorCounts(3, deletions=1)),
        ("a b c", "a b x c", ErrorCounts(3, insertions=1)),
        ("a b c", "", ErrorCounts(3, deletions=3)),
        ("", "a b", ErrorCounts(0, insertions=2)),
        ("", "", ErrorCounts(0)),
    ],
)
def test_errors_are_counted_by_kind(reference: str, hypothesis: str, counts: ErrorCounts) -> None:
    assert count_errors(reference.split(), hypothesis.split()) == counts


def test_among_equally_few_errors_the_split_with_most_matches_is_taken() -> None:
    assert count_errors("ab", "bc") == ErrorCounts(2, deletions=1, insertions=1)


def test_tokens_are_compared_whole() -> None:
    assert count_errors(["ab"], ["a", "b"]).errors == 2


def test_counts_add_up_and_give_the_pooled_rate() -> None:
    pooled = ErrorCounts(10, 1, 1, 1) + ErrorCounts(30, 0, 0, 1)
    assert pooled == ErrorCounts(40, 1, 1, 2)
    assert pooled.rate == pytest.approx(0.1)


def test_rate_of_an_empty_reference() -> None:
    assert ErrorCounts().rate == 0.0
    assert ErrorCounts(insertions=1).rate == float("inf")


def test_alignment_visits_every_position_once_in_order() -> None:
    pairs = align(list("123"), list("01x34"))
    assert pairs == [(None, 0), (0, 1), (1, 2), (2, 3), (None, 4)]


def test_alignment_of_nothing_is_empty() -> None:
    assert align([], []) == []


def test_blocks_localise_the_errors() -> None:
    reference = list(range(100))
    hypothesis = [*range(20), "x", *range(21, 60), "y", *range(60, 90)]
    blocks = count_errors_by_block(reference, hypothesis, block_length=25)
    assert blocks == [
        ErrorCounts(25, substitutions=1),
        ErrorCounts(25),
        ErrorCounts(25, insertions=1),
        ErrorCounts(25, deletions=10),
    ]


def test_a_short_reference_is_one_block() -> None:
    assert count_errors_by_block("abc", "abd", block_length=50) == [ErrorCounts(3, 1)]
    assert count_errors_by_block("", "ab", block_length=50) == [ErrorCounts(insertions=2)]


def test_blocks_do_not_depend_on_the_hypothesis() -> None:
    reference = list(range(130))
    sizes = [
        [block.n_reference for block in count_errors_by_block(reference, other, block_length=50)]
        for other in ([], reference, ["x"] * 300)
    ]
    assert all(a == b for a, b in pairwise(sizes))
    assert sum(sizes[0]) == 130
