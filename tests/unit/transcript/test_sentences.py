"""Where segments end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.transcript.joining import join_texts, join_words, separator
from auricle.transcript.model import Word
from auricle.transcript.sentences import LONG_PAUSE_S, MAX_SEGMENT_S, segments_of_words


def spoken(text: str, word_s: float = 0.4, pause_s: float = 0.0) -> list[Word]:
    """Each word as long as the others; `|` in the text is a long pause."""
    words, at = [], 0.0
    for part in text.split():
        if part == "|":
            at += LONG_PAUSE_S
            continue
        words.append(Word(part, at, at + word_s, 0.9))
        at += word_s + pause_s
    return words


def texts(words: list[Word]) -> list[str]:
    return [segment.text for segment in segments_of_words(words)]


def test_sentences_end_segments() -> None:
    assert texts(spoken('He came. "Why?" she said. We left!')) == [
        "He came.",
        '"Why?" she said.',
        "We left!",
    ]


def test_short_forms_and_numbers_end_none() -> None:
    text = "Dr. J. Smith paid 3.50 to Mrs. Miller"
    assert texts(spoken(text)) == [text]


def test_a_long_pause_ends_a_segment_anywhere() -> None:
    assert texts(spoken("well | I think so")) == ["well", "I think so"]


def test_a_long_sentence_is_cut_at_its_commas() -> None:
    words = spoken("one two three four five, six seven eight nine ten eleven", word_s=2)
    assert texts(words) == ["one two three four five,", "six seven eight nine ten eleven"]


def test_texts_without_spaces_are_cut_and_joined_without_them() -> None:
    said = [Word(c, i, i + 1, 0.5, glued=i > 0) for i, c in enumerate(["你", "好。", "世", "界。"])]
    assert texts(said) == ["你好。", "世界。"]


def test_nothing_is_cut_where_the_text_would_read_differently() -> None:
    said = [Word("twenty.", 0, 1), Word("-five", 9, 10, glued=True)]
    assert texts(said) == ["twenty.-five"]


def test_a_segments_score_is_that_of_all_its_tokens() -> None:
    (segment,) = segments_of_words([Word("a", 0, 1, 0.5, n_tokens=3), Word("b", 1, 2, 1.0)])
    assert segment.score == pytest.approx(0.5 ** (3 / 4))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["so", "Yes.", "no,", "你", "好。", "5.", "“Oh”", "Mr."]),
            st.floats(0.01, 4),
            st.floats(0, 2),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_words_keep_their_order_and_their_text(
    shape: list[tuple[str, float, float, bool]],
) -> None:
    words, at = [], 0.0
    for i, (text, word_s, pause_s, glued) in enumerate(shape):
        words.append(Word(text, at, at + word_s, 0.9, glued=glued and i > 0))
        at += word_s + pause_s
    segments = segments_of_words(words)
    assert [word for segment in segments for word in segment.words] == words
    assert join_texts(segment.text for segment in segments) == join_words(words)
    for segment in segments:
        assert segment.text == join_words(segment.words)
        assert (segment.start, segment.end) == (segment.words[0].start, segment.words[-1].end)
        if segment.end - segment.start > MAX_SEGMENT_S:
            assert not any(may_part(a, b) for a, b in pairwise(segment.words))


def may_part(word: Word, following: Word) -> bool:
    """Whether the text stays the same if a segment ends here."""
    return separator(word.text, following.text) == ("" if following.glued else " ")
