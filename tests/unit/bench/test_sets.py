from pathlib import Path

import pytest

from auricle.scoring.wer import ErrorCounts
from manifest import Recording
from sets import Scored, score, score_pooled_languages, score_sets
from systems import Answer


def recording(kind: str = "read", language: str = "en", reference: str = "a b c") -> Recording:
    return Recording("id", Path("x"), kind, language, 1.0, reference)


def item(kind: str, language: str, n_words: int, ours: int = 0, peer: int = 0) -> Scored:
    blocks = {"ours": [ErrorCounts(n_words, ours)], "peer": [ErrorCounts(n_words, peer)]}
    return Scored(recording(kind, language), blocks)


def test_errors_are_counted_for_each_system() -> None:
    answers = {"ours": Answer("A, b c!", "en"), "peer": Answer("a x c", "en")}
    scored = score(recording(), answers, {})
    assert scored.counts("ours") == ErrorCounts(3)
    assert scored.counts("peer") == ErrorCounts(3, substitutions=1)


def test_no_answer_counts_as_deletions() -> None:
    scored = score(recording(), {"ours": Answer("", None, error="boom")}, {})
    assert scored.counts("ours") == ErrorCounts(3, deletions=3)


def test_the_references_language_decides_the_unit() -> None:
    scored = score(recording(language="zh", reference="广州市"), {"ours": Answer("广州", "en")}, {})
    assert scored.counts("ours") == ErrorCounts(3, deletions=1)


def test_long_recordings_are_cut_into_blocks() -> None:
    text = " ".join(map(str, range(500)))
    scored = score(recording(reference=text), {"ours": Answer(text, "en")}, {})
    assert [block.n_reference for block in scored.blocks["ours"]] == [50] * 10


def test_small_sets_are_pooled_by_kind_and_large_ones_are_not() -> None:
    scored = [
        item("longform", "en", 900),
        item("read", "en", 400),
        item("read", "en", 100),
        item("read", "de", 300),
        item("read", "fr", 499),
    ]
    rows = score_sets(scored)
    assert [(row.name, row.n_items, row.languages) for row in rows] == [
        ("read en", 2, ("en",)),
        ("read, pooled", 2, ("de", "fr")),
        ("longform en", 1, ("en",)),
    ]
    assert [row.name for row in score_pooled_languages(scored)] == ["read de", "read fr"]


def test_a_pool_of_one_language_is_not_repeated() -> None:
    assert score_pooled_languages([item("sparse", "en", 30)]) == []


@pytest.mark.parametrize(
    ("ours", "peer", "verdict"), [(9, 0, "worse"), (0, 9, "better"), (3, 3, "no difference")]
)
def test_two_systems_are_compared(ours: int, peer: int, verdict: str) -> None:
    (row,) = score_sets([item("read", "en", 100, ours, peer)] * 10)
    assert row.interval is not None
    assert row.interval.verdict == verdict
    assert row.counts["ours"] == ErrorCounts(1000, ours * 10)


def test_too_few_blocks_are_not_compared() -> None:
    (row,) = score_sets([item("read", "en", 100, 5)] * 9)
    assert row.interval is None


def test_one_system_alone_has_no_interval() -> None:
    (row,) = score_sets([Scored(recording(), {"ours": [ErrorCounts(600, 6)]})])
    assert row.interval is None
    assert row.counts["ours"].rate == pytest.approx(0.01)
