"""Answers on the wire, read without an SDK in between."""

import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from auricle.scoring.text import normalize_basic
from harness.server import Server
from harness.speech import GERMAN, JFK
from harness.sse import Stream
from harness.transcribe import post


@pytest.mark.parametrize("granularity", [None, "segment", "word"])
def test_the_stream_adds_up_to_the_blocking_answer(server: Server, granularity: str | None) -> None:
    fields: dict[str, str] = {"timestamp_granularities": granularity} if granularity else {}
    with server.client() as client:
        blocking = post(client, JFK.path, **fields).json()
        with Stream(client, JFK.path, **fields) as stream:
            events = stream.read_to_the_end()
    done = events[-1]
    assert done == {**blocking, "type": "transcription.done"}
    assert stream.text == done["text"]
    assert [e["type"] for e in events].count("transcription.done") == 1
    assert _segments(events) == [
        {key: segment[key] for key in ("text", "start", "end", "speaker_id")}
        for segment in blocking["segments"]
    ]


def test_words_and_segments_say_the_same_in_order_and_inside_the_recording(server: Server) -> None:
    with server.client() as client:
        words, segments = (
            post(client, JFK.path, timestamp_granularities=granularity).json()["segments"]
            for granularity in ("word", "segment")
        )
    text = " ".join(segment["text"] for segment in segments)
    assert " ".join(word["text"] for word in words) == text
    assert {word["start"] for word in words} >= {segment["start"] for segment in segments}
    assert {word["end"] for word in words} >= {segment["end"] for segment in segments}
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= JFK.duration_s
    assert all(0 < entry["score"] <= 1 for entry in [*words, *segments])


def test_words_leave_out_the_pauses(server: Server) -> None:
    """He pauses for a second after "ask not", and before it."""
    with server.client() as client:
        words = post(client, JFK.path, timestamp_granularities="word").json()["segments"]
    pauses_s = [b["start"] - a["end"] for a, b in pairwise(words)]
    assert sum(pause_s > 0.3 for pause_s in pauses_s) >= 3
    assert max(word["end"] - word["start"] for word in words) < 1.2


def _segments(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in event.items() if key != "type"}
        for event in events
        if event["type"] == "transcription.segment"
    ]


def test_the_language_is_detected(server: Server) -> None:
    with server.client() as client:
        answer = post(client, GERMAN.path).json()
    assert answer["language"] == "de"
    assert normalize_basic(answer["text"]).startswith("sie ist nach der")


def test_silence_is_an_empty_text(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 3))
    with server.client() as client:
        answer = post(client, path).json()
    assert (answer["text"], answer["language"], answer["segments"]) == ("", None, [])
    assert answer["usage"] == {
        "prompt_audio_seconds": 3,
        "prompt_tokens": 4,
        "completion_tokens": 4,
        "total_tokens": 383,
    }


def test_models_and_openapi_describe_what_is_served(server: Server) -> None:
    with server.client() as client:
        document = client.get("/openapi.json").json()
        assert set(document["paths"]) >= {"/v1/audio/transcriptions", "/v1/models"}
        assert "whisper" in client.get("/v1/models").json()["data"][0]["id"]
