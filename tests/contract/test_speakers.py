"""Who said what, over HTTP: blocking and streamed, with and without known voices."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.sdk import Sdk, upload
from harness.conversation import conversation, share_of, voices, write_conversation
from harness.media import wav
from harness.media_host import MediaHost
from harness.server import Server
from harness.speech import JFK, RESTAURANT
from harness.transcribe import post

MODEL = "voxtral-mini-latest"
SEGMENT = ("text", "start", "end", "speaker_id")


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conversation(tmp_path_factory.mktemp("talk"))


@pytest.fixture(scope="session")
def clip_of_her() -> str:
    """Six seconds of the woman, as base64."""
    return base64.b64encode(wav(voices()[1][: 6 * 16_000])).decode()


def spoken(answer: dict[str, Any]) -> list[tuple[float, float, str]]:
    return [(s["start"], s["end"], s["speaker_id"]) for s in answer["segments"]]


def assert_told_apart(answer: dict[str, Any], names: dict[str, str]) -> None:
    """Each turn's speech is given to its speaker, mostly: segments leave out pauses."""
    for start, end, who in conversation()[1]:
        ours, other = names[who], names["woman" if who == "man" else "man"]
        share = share_of(spoken(answer), start, end, ours)
        assert share > 0.5 > 2 * share_of(spoken(answer), start, end, other)


@pytest.fixture(scope="session")
def blocking(server: Server, talk: Path) -> dict[str, Any]:
    with server.client() as client:
        answer = post(client, talk, diarize="true")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_segments_have_the_speakers_in_order_of_first_speech(blocking: dict[str, Any]) -> None:
    assert_told_apart(blocking, {"man": "speaker_1", "woman": "speaker_2"})
    assert blocking["segments"][0]["speaker_id"] == "speaker_1"
    assert " ".join(segment["text"] for segment in blocking["segments"]) == blocking["text"]
    starts = [s["start"] for s in blocking["segments"]]
    assert starts == sorted(starts)
    assert all(s["start"] <= s["end"] for s in blocking["segments"])


def test_the_text_is_the_one_without_speakers(
    server: Server, talk: Path, blocking: dict[str, Any]
) -> None:
    with server.client() as client:
        plain = post(client, talk, timestamp_granularities="word").json()
        words = post(client, talk, timestamp_granularities="word", diarize="true").json()
    assert plain["text"] == blocking["text"] == words["text"]
    assert [w["text"] for w in words["segments"]] == [w["text"] for w in plain["segments"]]
    edges = [edge for w in words["segments"] for edge in (w["start"], w["end"])]
    assert edges == sorted(edges)
    assert {w["speaker_id"] for w in words["segments"]} == {"speaker_1", "speaker_2"}
    assert {w["speaker_id"] for w in plain["segments"]} == {None}
    said = [
        " ".join(w["text"] for w in words["segments"] if w["speaker_id"] == who)
        for who in ("speaker_1", "speaker_2")
    ]
    for who, text in zip(("speaker_1", "speaker_2"), said, strict=True):
        assert text == " ".join(s["text"] for s in blocking["segments"] if s["speaker_id"] == who)


def test_a_stream_gives_text_at_once_and_speakers_at_the_end(
    server: Server, talk: Path, blocking: dict[str, Any]
) -> None:
    events = read_stream(server, talk)
    kinds = [event["type"].removeprefix("transcription.") for event in events]
    assert kinds == sorted(kinds, key=["language", "text.delta", "segment", "done"].index)
    done = events[-1]
    assert {name: done[name] for name in blocking} == blocking
    deltas = [event["text"] for event in events if event["type"].endswith("delta")]
    assert "".join(deltas) == blocking["text"]
    segments = [event for event in events if event["type"].endswith("segment")]
    assert [[s[k] for k in SEGMENT] for s in segments] == [
        [s[k] for k in SEGMENT] for s in blocking["segments"]
    ]


def read_stream(server: Server, recording: Path, **fields: str) -> list[dict[str, Any]]:
    with server.client() as client, recording.open("rb") as file:
        request = client.stream(
            "POST",
            "/v1/audio/transcriptions",
            data={"model": MODEL, "stream": "true", "diarize": "true", **fields},
            files={"file": file},
        )
        with request as answer:
            lines = [line for line in answer.iter_lines() if line.startswith("data:")]
    return [json.loads(line.removeprefix("data:")) for line in lines]


@pytest.mark.parametrize("form", ["base64", "data uri", "url"])
def test_a_known_voice_has_its_name(
    server: Server, media_host: MediaHost, talk: Path, clip_of_her: str, form: str
) -> None:
    forms = {
        "base64": clip_of_her,
        "data uri": f"data:audio/wav;base64,{clip_of_her}",
        "url": media_host.url_of(RESTAURANT.path),
    }
    references = json.dumps({"Ana": forms[form]})
    with server.client() as client:
        answer = post(client, talk, diarize="true", speaker_references=references).json()
    assert_told_apart(answer, {"man": "speaker_1", "woman": "Ana"})


Refusal = tuple[int, str]


@pytest.mark.parametrize(
    ("reference", "diarize", "refusal"),
    [
        ("3f2a1c1e-0000-4000-8000-000000000000", "true", (400, "not available yet")),
        ("no base64!", "true", (422, "no URL, no data: URI and no base64")),
        (base64.b64encode(wav(voices()[0][:16_000])).decode(), "true", (422, "3 to 15 s")),
        (base64.b64encode(bytes(100)).decode(), "true", (422, "cannot be used")),
        ("x", "false", (422, "needs diarize")),
    ],
    ids=["file id", "nonsense", "short", "no audio", "without diarize"],
)
def test_a_reference_that_cannot_be_used(
    server: Server, reference: str, diarize: str, refusal: Refusal
) -> None:
    references = json.dumps({"Ana": reference})
    with server.client() as client:
        answer = post(client, JFK.path, diarize=diarize, speaker_references=references)
    assert answer.status_code == refusal[0]
    assert refusal[1] in answer.text
    assert "speaker_references" in answer.text


def test_the_channels_of_a_call_are_its_speakers(server: Server, tmp_path: Path) -> None:
    """One voice on both ends: only the channels can tell them apart."""
    man, cut = voices()[0], round(5.2 * 16_000)
    call = np.zeros((len(man), 2), np.float32)
    call[:cut, 0], call[cut:, 1] = man[:cut], man[cut:]
    path = tmp_path / "call.wav"
    path.write_bytes(wav(call))
    with server.client() as client:
        segments = post(client, path, diarize="true").json()["segments"]
    speakers = [segment["speaker_id"] for segment in segments]
    assert speakers == sorted(speakers)
    assert set(speakers) == {"speaker_1", "speaker_2"}
    for segment in segments:
        is_right = segment["start"] >= 5.0
        assert segment["speaker_id"] == ("speaker_2" if is_right else "speaker_1")


def test_every_sdk_gets_speakers(sdk: Sdk) -> None:
    answer = sdk.complete(model=MODEL, file=upload(JFK.path), diarize=True)
    assert {s["speaker_id"] for s in answer["segments"]} <= {"speaker_1", "speaker_2"}
    assert answer["segments"][0]["speaker_id"] == "speaker_1"
