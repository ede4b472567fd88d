"""From windows and hypotheses to one transcript."""

from dataclasses import replace

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE, Span
from auricle.engines.protocol import Hypothesis
from auricle.errors import EngineFailed
from auricle.pipeline.assembly import TranscriptAssembly
from auricle.pipeline.windows import Piece, Window
from auricle.transcript.events import (
    LanguageDetected,
    Progress,
    SegmentCompleted,
    TextDelta,
    TranscriptEvent,
)
from auricle.transcript.model import Segment, Word


def window(start_s: float, end_s: float, *speech: tuple[float, float]) -> Window:
    """A window of one piece; speech in recording seconds, by default all of it; else pauses."""
    start, end = round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE)
    spans = tuple(
        Span(round(a * SAMPLE_RATE), round(b * SAMPLE_RATE))
        for a, b in speech or ((start_s, end_s),)
    )
    edges = [start, *(edge for span in spans for edge in (span.start, span.end)), end]
    pauses = tuple(map(Span, edges[::2], edges[1::2]))
    piece = Piece(0, start, end - start, spans, tuple(p for p in pauses if p.n_samples))
    return Window(np.zeros(end - start, np.float32), (piece,))


def heard(*segments: Segment, language: str = "en") -> Hypothesis:
    return Hypothesis(segments, language, 1.0, 0.0, 30.0)


def assembly(*, announce: bool = True, keep: bool = True) -> TranscriptAssembly:
    return TranscriptAssembly(announce_language=announce, granularity="word" if keep else None)


def deltas(events: list[TranscriptEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_the_language_comes_once_and_before_the_first_text() -> None:
    ours = assembly()
    events = ours.add_window(window(0, 5), heard(Segment("Hello.", 0, 1)))
    events += ours.add_window(window(5, 9), heard(Segment("Hallo.", 0, 1), language="de"))
    kinds = [type(event) for event in events]
    assert kinds.index(LanguageDetected) < kinds.index(TextDelta)
    assert kinds.count(LanguageDetected) == 1


def test_the_language_of_the_answer_is_the_dominant_one() -> None:
    ours = assembly()
    ours.add_window(window(0, 5), heard(Segment("Hello.", 0, 1)))
    ours.add_window(window(5, 25), heard(Segment("Hallo.", 0, 1), language="de"))
    ours.add_window(window(25, 95), heard(Segment("Aloha.", 0, 1), language="haw"))
    assert ours.language == "de"


def test_silence_has_no_language_and_no_text() -> None:
    ours = assembly()
    events = ours.add_window(window(0, 5), heard())
    assert events == [Progress(5.0)]
    assert ours.language is None
    assert ours.transcript(5, (), {}).text == ""


def test_windows_are_joined_by_a_space_and_deltas_make_the_text() -> None:
    ours = assembly()
    events = ours.add_window(window(0, 5), heard(Segment("One.", 0, 1), Segment("Two.", 1, 2)))
    events += ours.add_window(window(5, 9), heard(Segment("Three.", 0, 1)))
    assert deltas(events) == "One. Two. Three." == ours.transcript(9, (), {}).text


def test_chinese_windows_are_joined_without_a_space() -> None:
    ours = assembly()
    ours.add_window(window(0, 5), heard(Segment("你好", 0, 1), language="zh"))
    ours.add_window(window(5, 9), heard(Segment("世界", 0, 1), language="zh"))
    assert ours.transcript(9, (), {}).text == "你好世界"


def test_engine_deltas_are_completed_by_the_final_text() -> None:
    ours = assembly()
    events = ours.add_window(window(0, 5), heard(Segment("One.", 0, 1)))
    events += ours.add_delta(" Two", "en")
    events += ours.add_delta(" and", "en")
    events += ours.add_window(window(5, 9), heard(Segment("Two and three.", 0, 1)))
    assert [e.text for e in events if isinstance(e, TextDelta)] == [
        "One.",
        " Two",
        " and",
        " three.",
    ]


def test_a_final_text_that_contradicts_its_deltas_is_an_error() -> None:
    ours = assembly()
    ours.add_delta("Two", "en")
    with pytest.raises(EngineFailed):
        ours.add_window(window(5, 9), heard(Segment("Three.", 0, 1)))


def test_times_never_decrease_and_lie_in_speech() -> None:
    ours = assembly()
    long = Segment("a long one, all of it", 0, 5)
    ours.add_window(window(0, 10, (1, 4), (6, 9)), heard(long, replace(long, start=4.5, end=10)))
    ours.add_window(window(8, 12), heard(Segment("c", 0, 2)))
    times = [(s.start, s.end) for s in ours.transcript(12, (), {}).segments]
    assert times == [(1, 4), (6, 9), (9, 10)]


def test_words_stay_inside_the_window_and_in_order() -> None:
    words = (Word("a", 0, 1.5), Word("b", 1.2, 1.4), Word("c", 1.4, 30))
    ours = assembly()
    ours.add_window(window(10, 12), heard(Segment("a b c", 0, 1.8, words=words)))
    (segment,) = ours.transcript(12, (), {}).segments
    assert [(w.start, w.end) for w in segment.words] == [
        (10, 11.5),
        (11.5, 11.5),
        (11.5, 12),
    ]


def test_segments_are_only_there_when_asked_for() -> None:
    ours = assembly(keep=False)
    events = ours.add_window(window(0, 5), heard(Segment("One.", 0, 1)))
    assert not any(isinstance(event, SegmentCompleted) for event in events)
    assert ours.transcript(5, (), {}).segments == ()
