"""The route, in-process: bodies, answers, streams, refusals."""

import json
from typing import Any

import httpx

from unit.server.scripted_service import ScriptedService

PATH = "/v1/audio/transcriptions"
MODEL = {"model": "voxtral-mini-latest"}
FILE = {"file": ("clip.wav", b"RIFFsomething", "audio/wav")}


def frames(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Events and payloads of a stream, comments left out."""
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            assert lines[0].startswith("event: ")
            assert lines[1].startswith("data: ")
            assert len(lines) == 2
            found.append((lines[0][7:], json.loads(lines[1][6:])))
    return found


async def test_answers_a_multipart_upload(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    answer = await client.post(PATH, data=MODEL, files=FILE)
    assert answer.status_code == 200
    assert answer.json() == {
        "model": "voxtral-mini-latest",
        "text": "Good morning. All is well.",
        "language": "en",
        "segments": [],
        "usage": {
            "prompt_audio_seconds": 11,
            "prompt_tokens": 4,
            "completion_tokens": 11,
            "total_tokens": 390,
        },
    }
    assert service.calls[0].content == b"RIFFsomething"
    assert answer.headers["x-request-id"] == service.calls[0].ticket.request


async def test_stream_ends_with_the_blocking_answer(client: httpx.AsyncClient) -> None:
    fields = {**MODEL, "timestamp_granularities": "segment"}
    blocking = await client.post(PATH, data=fields, files=FILE)
    streamed = await client.post(PATH, data={**fields, "stream": "true"}, files=FILE)
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.headers["cache-control"] == "no-cache"
    assert streamed.headers["x-accel-buffering"] == "no"
    events = frames(streamed.text)
    assert [kind for kind, _ in events] == [
        "transcription.language",
        "transcription.text.delta",
        "transcription.segment",
        "transcription.text.delta",
        "transcription.segment",
        "transcription.done",
    ]
    assert all(kind == payload["type"] for kind, payload in events)
    assert events[0][1]["audio_language"] == "en"
    done = events[-1][1]
    assert done.pop("type") == "transcription.done"
    assert done == blocking.json()
    deltas = [payload["text"] for kind, payload in events if kind == "transcription.text.delta"]
    assert "".join(deltas) == done["text"]
    assert events[2][1] == {
        "type": "transcription.segment",
        "text": "Good morning.",
        "start": 0.5,
        "end": 1.5,
        "speaker_id": None,
    }
