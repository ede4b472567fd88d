"""`audio.transcriptions.complete` of every SDK: real clips, and what the caller gets."""

import base64
import math
from typing import Any

from auricle.scoring.text import normalize_basic
from contract.sdk import Sdk, upload
from harness.media_host import MediaHost
from harness.speech import ASK_NOT, JFK, Clip

MODEL = "voxtral-mini-latest"


def test_upload_with_segments(sdk: Sdk) -> None:
    answer = sdk.complete(model=MODEL, file=upload(JFK.path), timestamp_granularities=["segment"])
    _assert_heard(answer, JFK)
    assert answer["model"] == MODEL
    assert answer["language"] == "en"
    assert answer["usage"] == {
        "prompt_audio_seconds": math.floor(JFK.duration_s),
        "prompt_tokens": 4,
        "completion_tokens": answer["usage"]["completion_tokens"],
        "total_tokens": 4 + answer["usage"]["completion_tokens"] + 375,
    }
    _assert_spans_are_sound(answer, JFK)


def test_data_uri_with_words(sdk: Sdk) -> None:
    encoded = base64.b64encode(ASK_NOT.path.read_bytes()).decode()
    answer = sdk.complete(
        model=MODEL,
        file_url=f"data:audio/flac;base64,{encoded}",
        timestamp_granularities=["word"],
    )
    _assert_heard(answer, ASK_NOT)
    assert len(answer["segments"]) == len(ASK_NOT.words.split())
    _assert_spans_are_sound(answer, ASK_NOT)


def test_url_with_language_and_temperature(sdk: Sdk, media_host: MediaHost) -> None:
    url = media_host.url_of(ASK_NOT.path)
    answer = sdk.complete(model=MODEL, file_url=url, language="en", temperature=0.0)
    _assert_heard(answer, ASK_NOT)
    assert answer["language"] == "en"
    assert answer["segments"] == []


def _assert_heard(answer: dict[str, Any], clip: Clip) -> None:
    assert normalize_basic(answer["text"]) == clip.words


def _assert_spans_are_sound(answer: dict[str, Any], clip: Clip) -> None:
    segments = answer["segments"]
    assert " ".join(segment["text"] for segment in segments) == answer["text"]
    edges = [edge for segment in segments for edge in (segment["start"], segment["end"])]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= clip.duration_s
    for segment in segments:
        assert segment["type"] == "transcription_segment"
        assert segment["text"] == segment["text"].strip() != ""
        assert segment.get("speaker_id") is None
        assert 0 <= segment["score"] <= 1
