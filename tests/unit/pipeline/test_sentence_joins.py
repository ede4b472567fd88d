"""Windows that were heard one by one read as one text."""

from collections.abc import Iterator

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE, Span
from auricle.engines.protocol import Hypothesis
from auricle.pipeline.heard import Heard, Said
from auricle.pipeline.sentence_joins import SentenceJoins
from auricle.pipeline.windows import Piece, Window
from auricle.transcript.joining import join_texts, join_words
from auricle.transcript.model import Segment, Word


def window(start_s: float, end_s: float) -> Window:
    start, end = round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    return Window(
        np.zeros(end - start, np.float32), (Piece(0, start, end - start, (Span(start, end),)),)
    )


def heard(text: str, start_s: float, end_s: float, language: str = "en") -> Heard:
    """A window with one segment, whose words are given too."""
    words = tuple(Word(word, 0, 1) for word in text.split())
    segments = (Segment(text, 0, 1, words=words),) if text else ()
    return Heard(window(start_s, end_s), Hypothesis(segments, language, 1.0, 0.0, 1.0))


def fed(joins: SentenceJoins, *items: Said | Heard) -> Iterator[Said | Heard]:
    for item in items:
        yield from joins.feed(item)
    yield from joins.finish()


def text_of(*items: Heard) -> str:
    """What is read in the end; words must say the same, and what was said before begins it."""
    texts: list[str] = []
    said = ""
    for item in fed(SentenceJoins(), *items):
        if isinstance(item, Said):
            said += item.text
            continue
        whole = join_texts(segment.text for segment in item.hypothesis.segments)
        assert whole.startswith(said)
        said = ""
        for segment in item.hypothesis.segments:
            assert join_words(segment.words) == segment.text
            texts.append(segment.text)
    return join_texts(texts)


def test_a_full_stop_goes_when_the_sentence_goes_on() -> None:
    assert text_of(heard("It hung.", 0, 9), heard("in the hall.", 9, 20)) == "It hung in the hall."


@pytest.mark.parametrize(
    ("first", "second", "start_s"),
    [
        ("It hung.", "In the hall it hung.", 9),
        ("It hung...", "in the hall.", 9),
        ("It hung!", "in the hall.", 9),
        ("By Mr.", "de Vries it was.", 9),
        ("In the U.S.", "we say so.", 9),
    ],
)
def test_what_is_no_sentence_that_goes_on_stays(first: str, second: str, start_s: float) -> None:
    assert text_of(heard(first, 0, 9), heard(second, start_s, 20)) == f"{first} {second}"


def test_behind_a_long_pause_a_new_sentence_has_a_capital_letter() -> None:
    assert (
        text_of(heard("It hung.", 0, 9), heard("in the hall.", 12, 20)) == "It hung. In the hall."
    )


def test_a_known_small_word_is_small_inside_a_sentence() -> None:
    texts = [("We saw that it hung,", 0, 9), ("It was red, as Lili", 9, 20), ("Lili did.", 20, 25)]
    joined = text_of(*(heard(text, start_s, end_s) for text, start_s, end_s in texts))
    assert joined == "We saw that it hung, it was red, as Lili Lili did."


def test_another_language_changes_nothing() -> None:
    german = heard("im Saal.", 9, 20, language="de")
    assert text_of(heard("It hung.", 0, 9), german) == "It hung. im Saal."


def test_texts_on_the_way_begin_the_windows() -> None:
    second = heard("It was red.", 9, 20)
    said = [Said(second.window, text, "en") for text in ("It", " was", " red")]
    out = list(fed(SentenceJoins(), heard("We saw that it hung,", 0, 9), *said, second))
    texts = [item.text for item in out if isinstance(item, Said)]
    assert texts == ["it was", " red"]
    assert isinstance(out[-1], Heard)
    assert out[-1].hypothesis.segments[0].text.startswith("".join(texts))


def test_the_window_before_is_given_before_what_follows_it() -> None:
    first, second = heard("It hung.", 0, 9), heard("in the hall.", 9, 20)
    joins = SentenceJoins()
    assert joins.feed(first) == [Said(first.window, "It hung", "en")]
    assert joins.feed(Said(second.window, "in", "en")) == []
    before, said = joins.feed(Said(second.window, " the", "en"))
    assert isinstance(before, Heard)
    assert before.hypothesis.segments[0].text == "It hung"
    assert said == Said(second.window, "in the", "en")


def test_windows_without_text_keep_their_place() -> None:
    items = [heard("It hung.", 0, 9), heard("", 9, 20), heard("and fell.", 20, 25)]
    out = list(fed(SentenceJoins(), *items))
    assert [item.window for item in out if isinstance(item, Heard)] == [i.window for i in items]


def test_only_the_full_stop_waits_for_the_next_window() -> None:
    first = heard("It hung in the hall.", 0, 9)
    joins = SentenceJoins()
    assert joins.feed(Said(first.window, "It hung in", "en")) == [
        Said(first.window, "It hung in", "en")
    ]
    assert joins.feed(first) == [Said(first.window, " the hall", "en")]
    assert joins.finish() == [first]


def test_the_first_window_waits_for_no_whole_word() -> None:
    first = heard("Lobsters.", 0, 9)
    joins = SentenceJoins()
    assert joins.feed(Said(first.window, " ", "en")) == []
    assert joins.feed(Said(first.window, "Lob", "en")) == [Said(first.window, "Lob", "en")]
    assert joins.feed(Said(first.window, "st", "en")) == [Said(first.window, "st", "en")]
    assert joins.feed(first) == [Said(first.window, "ers", "en")]
