import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from manifest import Recording
from systems import (
    Answer,
    AuricleServer,
    FasterWhisper,
    ServerError,
    StoredAnswers,
    fold_events,
    sse_payloads,
)

Handler = Callable[[httpx.Request], httpx.Response]
DELTA = "transcription.text.delta"
DONE = {"type": "transcription.done", "text": "Hello there.", "language": "en"}


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    path = tmp_path / "clip.wav"
    path.write_bytes(b"RIFF")
    return Recording("clip", path, "read", "en", 1.0, "hello there")


def server(handler: Handler, *, stream: bool = False) -> AuricleServer:
    client = httpx.Client(transport=httpx.MockTransport(handler), base_url="http://auricle")
    return AuricleServer(client, "some-model", stream=stream)


def sse(*payloads: dict[str, Any]) -> Handler:
    frames = [f"event: {p['type']}\ndata: {json.dumps(p)}\n\n" for p in payloads]
    return lambda _: httpx.Response(200, text=": alive\n\n" + "".join(frames))


def test_a_blocking_request_sends_file_and_model_only(recording: Recording) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        body = request.read()
        assert request.url.path == "/v1/audio/transcriptions"
        assert b"RIFF" in body
        assert b"some-model" in body
        assert b"language" not in body
        return httpx.Response(200, json={"text": "Hello.", "language": "en"})

    given = server(answer).transcribe(recording)
    assert (given.text, given.language, given.error) == ("Hello.", "en", None)
    assert given.wall_s > 0


def test_a_streamed_request_gives_text_and_time_of_the_first_delta(recording: Recording) -> None:
    handler = sse(
        {"type": "transcription.language", "audio_language": "en"},
        {"type": DELTA, "text": "Hello"},
        {"type": DELTA, "text": " there."},
        DONE,
    )
    given = server(handler, stream=True).transcribe(recording)
    assert (given.text, given.language, given.error) == ("Hello there.", "en", None)
    assert given.first_s is not None
    assert 0 < given.first_s <= given.wall_s


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_status_is_an_answer_with_an_error(recording: Recording, *, stream: bool) -> None:
    given = server(lambda _: httpx.Response(429, text="busy"), stream=stream).transcribe(recording)
    assert given.text == ""
    assert given.error is not None
    assert "429" in given.error


def test_an_unreachable_server_is_an_answer_with_an_error(recording: Recording) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    assert server(refuse).transcribe(recording).error == "refused"


def test_first_text_is_timed_at_the_first_delta() -> None:
    ticks = count(10)
    payloads = [{"type": DELTA, "text": "Hello"}, {"type": DELTA, "text": " there."}, DONE]
    assert fold_events(iter(payloads), lambda: next(ticks)) == ("Hello there.", "en", 10)


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [{"type": DELTA, "text": "Hello"}],
        [{"type": DELTA, "text": "Hell"}, DONE],
        [{"object": "error", "message": "boom"}],
    ],
)
def test_a_stream_that_breaks_the_contract_is_refused(payloads: list[dict[str, Any]]) -> None:
    with pytest.raises(ServerError):
        fold_events(iter(payloads))


def test_comments_and_event_lines_are_no_payloads() -> None:
    lines = [": alive", "event: x", 'data: {"type": "x"}', ""]
    assert list(sse_payloads(iter(lines))) == [{"type": "x"}]


class ScriptedWhisper:
    """Stands in for faster-whisper's model."""

    def __init__(self, texts: list[str], language: str = "en") -> None:
        self.texts, self.language = texts, language
        self.options: dict[str, Any] = {}

    def transcribe(self, _path: str, **options: Any) -> tuple[Any, Any]:
        self.options = options
        return map(self._segment, self.texts), SimpleNamespace(language=self.language)

    def _segment(self, text: str) -> SimpleNamespace:
        if text == "fail":
            raise ValueError("bad audio")
        return SimpleNamespace(text=text)


def test_the_library_is_asked_with_the_named_options_only(recording: Recording) -> None:
    model = ScriptedWhisper([" One", " two."])
    given = FasterWhisper(model, name="peer", vad_filter=True).transcribe(recording)
    assert model.options == {"vad_filter": True}
    assert given.text == "One two."
    assert given.first_s is not None


def test_whispers_own_codes_are_mapped(recording: Recording) -> None:
    model = ScriptedWhisper([], language="yue")
    assert FasterWhisper(model, name="peer").transcribe(recording).language == "zh"


def test_the_librarys_failure_is_an_answer_with_an_error(recording: Recording) -> None:
    given = FasterWhisper(ScriptedWhisper([" One", "fail"]), name="peer").transcribe(recording)
    assert given.error == "ValueError('bad audio')"
    assert given.text == ""


def test_stored_answers_come_back_as_they_were(tmp_path: Path, recording: Recording) -> None:
    answer = Answer("Hello.", "en", wall_s=1.5, first_s=1.25, cpu_s=1.0)
    lines = [{"type": "run"}, {"type": "item", "id": "clip", "answers": {"p": answer.as_json()}}]
    path = tmp_path / "run.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    stored = StoredAnswers(path, system="p")
    assert stored.transcribe(recording) == answer
    unknown = Recording("other", recording.path, "read", "en", 1.0, "")
    assert stored.transcribe(unknown).error is not None
