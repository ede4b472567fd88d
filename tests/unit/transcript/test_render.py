"""A transcript as text, subtitles and JSON."""

import json

from auricle.transcript.model import Segment, Transcript
from auricle.transcript.render import RENDERERS

TRANSCRIPT = Transcript(
    text="Hello. Bye.",
    language="en",
    segments=(
        Segment("Hello.", 0.0, 1.0004, 0.9),
        Segment("Bye --> now", 3599.9996, 3661.5, speaker="speaker_1"),
    ),
    duration_s=3662.0,
)


def test_text_is_the_text() -> None:
    assert RENDERERS["text"](TRANSCRIPT) == "Hello. Bye.\n"


def test_srt() -> None:
    assert RENDERERS["srt"](TRANSCRIPT) == (
        "1\n00:00:00,000 --> 00:00:01,000\nHello.\n\n"
        "2\n01:00:00,000 --> 01:01:01,500\nspeaker_1: Bye -> now\n"
    )


def test_vtt() -> None:
    assert RENDERERS["vtt"](TRANSCRIPT) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello.\n\n"
        "01:00:00.000 --> 01:01:01.500\nspeaker_1: Bye -> now\n"
    )


def test_json_holds_everything() -> None:
    parsed = json.loads(RENDERERS["json"](TRANSCRIPT))
    assert parsed["text"] == "Hello. Bye."
    assert parsed["segments"][0]["end"] == 1.0004
    assert parsed["language"] == "en"


def test_an_empty_transcript_renders_in_every_format() -> None:
    empty = Transcript("", None, (), 0.0)
    assert RENDERERS["text"](empty) == "\n"
    assert RENDERERS["srt"](empty) == ""
    assert RENDERERS["vtt"](empty) == "WEBVTT\n"
    assert json.loads(RENDERERS["json"](empty))["language"] is None
