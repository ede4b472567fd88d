"""Phrases are spelt as the caller gave them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.transcript.spelling import Spelling


@pytest.mark.parametrize(
    ("phrases", "heard", "spelt"),
    [
        (["iPhone"], "My Iphone, your IPHONE's", "My iPhone, your iPhone's"),
        (["art"], "Art of the party", "art of the party"),
        (["New York", "New York CITY"], "new york city, new york", "New York CITY, New York"),
        (["東京Tower"], "この東京towerは", "この東京Towerは"),
        (["Straße"], "die strasse, die straße", "die strasse, die Straße"),
        (["(sic)"], "it is (SIC)", "it is (sic)"),
        ([], "as it is", "as it is"),
    ],
)
def test_whole_words_only(phrases: list[str], heard: str, spelt: str) -> None:
    assert Spelling(phrases).apply(heard) == spelt


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("go to New", "go to "),
        ("go to New York", "go to "),
        ("go to New York.", "go to New York."),
        ("go to New Yo", "go to "),
        ("go to New Jersey", "go to New Jersey"),
        ("renew", "renew"),
        ("", ""),
    ],
)
def test_what_may_become_a_phrase_is_not_settled(text: str, settled: str) -> None:
    assert text[: Spelling(["new york"]).settled(text)] == settled


@given(st.lists(st.text(max_size=6), max_size=4), st.text(max_size=30))
def test_length_never_changes(phrases: list[str], text: str) -> None:
    assert len(Spelling(phrases).apply(text)) == len(text)


@given(
    st.lists(st.text(alphabet="aB c.", min_size=1, max_size=5), max_size=4),
    st.text(alphabet="AbC. ", max_size=20),
    st.text(alphabet="AbC. ", max_size=20),
)
def test_settled_text_stays_as_it_is_spelt(phrases: list[str], text: str, more: str) -> None:
    spelling = Spelling(phrases)
    settled = spelling.settled(text)
    assert spelling.apply(text + more)[:settled] == spelling.apply(text)[:settled]
