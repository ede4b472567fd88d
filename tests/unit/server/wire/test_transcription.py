"""The answer: usage by the published figures, segments, words, events."""

from pathlib import Path

import pytest

from auricle.server.tekken import load
from auricle.server.wire.transcription import (
    done_of,
    events_of,
    response_of,
    segments_of,
    usage,
)
from auricle.transcript.events import LanguageDetected, SegmentCompleted, TextDelta
from auricle.transcript.model import Segment, Transcript, Word

FAREWELL = (Path(__file__).parent / "farewell_address.txt").read_text(encoding="utf-8")
"""A speech of a president of the United States (public domain), as the API page writes it."""
BARCELONA = (
    "Yesterday it was 35 degrees in Barcelona, but today the temperature will go down to "
    "minus 20 degrees."
)


@pytest.mark.parametrize(
    ("text", "seconds", "completion", "total"),
    [(FAREWELL, 203.4, 635, 3264), (BARCELONA, 11.04, 29, 408)],
    ids=["farewell", "barcelona"],
)
def test_published_usage_from_text(text: str, seconds: float, completion: int, total: int) -> None:
    counted = usage(seconds, len(load().encode_ordinary(text)))
    assert counted.model_dump() == {
        "prompt_audio_seconds": int(seconds),
        "prompt_tokens": 4,
        "completion_tokens": completion,
        "total_tokens": total,
    }


@pytest.mark.parametrize(
    ("seconds", "n_tokens", "expected"),
    [
        (203, 631, (203, 4, 635, 3264)),
        (11.04, 25, (11, 4, 29, 408)),
        (20.28, 60, (20, 4, 64, 443)),
        (0.0, 0, (0, 4, 4, 8)),
        (0.004, 0, (0, 4, 4, 383)),
        (30.0, 0, (30, 4, 4, 383)),
        (30.01, 0, (30, 4, 4, 758)),
    ],
)
def test_usage_formula(seconds: float, n_tokens: int, expected: tuple[int, ...]) -> None:
    assert tuple(usage(seconds, n_tokens).model_dump().values()) == expected


WORDS = (Word("Good", 0.5004, 0.8, 0.91239), Word("day.", 0.8, 1.23456, None, "speaker_1"))
SEGMENT = Segment("Good day.", 0.5, 1.23456, 0.93456, "speaker_1", WORDS)
TRANSCRIPT = Transcript("Good day.", "en", (SEGMENT,), 1.23456)


def test_a_segment_is_one_entry() -> None:
    (entry,) = segments_of(SEGMENT, "segment")
    assert entry.model_dump() == {
        "type": "transcription_segment",
        "text": "Good day.",
        "start": 0.5,
        "end": 1.234,
        "score": 0.9346,
        "speaker_id": "speaker_1",
    }


def test_words_are_one_entry_each_and_an_unknown_score_is_left_out() -> None:
    first, second = (entry.model_dump() for entry in segments_of(SEGMENT, "word"))
    assert first["text"] == "Good"
    assert first["score"] == 0.9124
    assert first["speaker_id"] is None
    assert "score" not in second


def test_a_segment_without_words_is_not_lost() -> None:
    (entry,) = segments_of(Segment("Hm.", 0, 1), "word")
    assert entry.text == "Hm."


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.29, 1.005, 2.3, 8.287, 10799.999])
def test_times_keep_their_milliseconds(seconds: float) -> None:
    (entry,) = segments_of(Segment("x", seconds, seconds + 0.0004), "segment")
    assert entry.start == seconds
    assert entry.end <= seconds + 0.0004


def test_without_granularity_there_are_no_segments() -> None:
    answer = response_of(TRANSCRIPT, model="whisper-1", granularity=None, n_text_tokens=3)
    assert answer.segments == []
    assert answer.model == "whisper-1"


def test_language_is_null_without_speech_and_the_key_is_there() -> None:
    answer = response_of(
        Transcript("", None, (), 0.0), model="m", granularity="word", n_text_tokens=0
    ).model_dump()
    assert answer["language"] is None
    assert answer["text"] == ""
    assert answer["segments"] == []
    assert "notices" not in answer


def test_notices_are_an_extra_key() -> None:
    damaged = Transcript("", None, (), 3.0, notices=("it breaks off after 3 s",))
    answer = response_of(damaged, model="m", granularity=None, n_text_tokens=0)
    assert answer.model_dump()["notices"] == ["it breaks off after 3 s"]


def test_done_is_the_blocking_answer_and_a_type() -> None:
    answer = response_of(TRANSCRIPT, model="m", granularity="word", n_text_tokens=3)
    done = done_of(answer).model_dump()
    assert done.pop("type") == "transcription.done"
    assert done == answer.model_dump()


def test_events() -> None:
    assert [e.model_dump() for e in events_of(LanguageDetected("de"), None)] == [
        {"type": "transcription.language", "audio_language": "de"}
    ]
    assert [e.model_dump() for e in events_of(TextDelta(" a"), None)] == [
        {"type": "transcription.text.delta", "text": " a"}
    ]
    assert events_of(SegmentCompleted(SEGMENT), None) == []
    assert [e.model_dump() for e in events_of(SegmentCompleted(SEGMENT), "word")] == [
        {
            "type": "transcription.segment",
            "text": "Good",
            "start": 0.5,
            "end": 0.8,
            "speaker_id": None,
        },
        {
            "type": "transcription.segment",
            "text": "day.",
            "start": 0.8,
            "end": 1.234,
            "speaker_id": "speaker_1",
        },
    ]
