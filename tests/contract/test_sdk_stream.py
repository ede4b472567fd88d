"""`audio.transcriptions.stream` of every SDK: the order of events, and what they add up to."""

from typing import Any

from contract.sdk import Sdk, upload
from harness.media_host import MediaHost
from harness.speech import ASK_NOT

MODEL = "voxtral-mini-latest"


def test_events_add_up_to_the_blocking_answer(sdk: Sdk) -> None:
    asked: dict[str, Any] = {
        "model": MODEL,
        "file": upload(ASK_NOT.path),
        "timestamp_granularities": ["segment"],
    }
    blocking = sdk.complete(**asked)
    events = list(sdk.stream(**asked))
    first, *_, last = _types_of(events)
    assert (first, last) == ("transcription.language", "transcription.done")
    assert events[0]["data"]["audio_language"] == blocking["language"]
    done = events[-1]["data"]
    assert {name: done[name] for name in blocking} == blocking
    assert "".join(part["text"] for part in _payloads(events, "text.delta")) == done["text"]
    assert [_span(segment) for segment in _payloads(events, "segment")] == [
        _span(segment) for segment in blocking["segments"]
    ]


def test_no_language_event_for_a_caller_who_named_it(sdk: Sdk, media_host: MediaHost) -> None:
    url = media_host.url_of(ASK_NOT.path)
    types = _types_of(list(sdk.stream(model=MODEL, file_url=url, language="en")))
    assert set(types[:-1]) == {"transcription.text.delta"}
    assert types[-1] == "transcription.done"


def _types_of(events: list[dict[str, Any]]) -> list[str]:
    for event in events:
        assert event["event"] == event["data"]["type"]
    return [event["event"] for event in events]


def _payloads(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events if event["event"] == f"transcription.{kind}"]


def _span(segment: dict[str, Any]) -> tuple[str, float, float]:
    return segment["text"], segment["start"], segment["end"]
