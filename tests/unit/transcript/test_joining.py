"""Texts that follow each other."""

from hypothesis import given
from hypothesis import strategies as st

from auricle.transcript.joining import join_texts, join_words, separator
from auricle.transcript.model import Word


def test_words_of_spaced_scripts_get_a_space() -> None:
    assert join_texts([" Hello ", "world."]) == "Hello world."


def test_unspaced_scripts_get_none() -> None:
    assert join_texts(["你好。", "世界"]) == "你好。世界"
    assert separator("ไทย", "ไทย") == ""


def test_nothing_is_added_to_empty_texts() -> None:
    assert join_texts(["", "  ", "a", ""]) == "a"


def test_glued_words_follow_without_a_space() -> None:
    words = [Word("twenty", 0, 1), Word("-five", 1, 2, glued=True), Word("men", 2, 3)]
    assert join_words(words) == "twenty-five men"


@given(st.lists(st.text(max_size=5), max_size=6), st.integers(0, 6))
def test_joining_in_two_steps_is_joining_at_once(texts: list[str], cut: int) -> None:
    assert join_texts([join_texts(texts[:cut]), *texts[cut:]]) == join_texts(texts)
