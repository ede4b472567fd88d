"""The route, in-process: bodies, answers, streams, refusals."""

import asyncio
import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from auricle import errors
from auricle.transcript.events import Completed, Progress, SegmentCompleted, TextDelta
from auricle.transcript.model import Transcript
from auricle.weights.card import Feature
from unit.server.harness import FILE, MODEL, TRANSCRIPTIONS, MakeApp, client_of
from unit.server.scripted_service import CARD, SEGMENTS, TRANSCRIPT, ScriptedService, script

DATA_URI = "data:audio/wav;base64," + base64.b64encode(b"RIFFsomething").decode()


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
    answer = await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
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


@pytest.mark.parametrize(
    "body",
    [
        {"data": {**MODEL, "file_url": DATA_URI}},
        {"json": {**MODEL, "file_url": DATA_URI}},
        {"data": {**MODEL, "file_url": DATA_URI}, "files": {"x": b""}},
        {
            "content": json.dumps({**MODEL, "file_url": DATA_URI}),
            "headers": {"content-type": "application/x-www-form-urlencoded"},
        },
    ],
    ids=["urlencoded", "json", "multipart with a stranger", "curl -d"],
)
async def test_every_kind_of_body(
    client: httpx.AsyncClient, service: ScriptedService, body: dict[str, Any]
) -> None:
    answer = await client.post(TRANSCRIPTIONS, **body)
    if "files" in body:
        assert answer.status_code == 422
        return
    assert answer.json()["text"] == TRANSCRIPT.text
    assert service.calls[0].content == b"RIFFsomething"


@pytest.mark.parametrize("granularity", ["segment", "word"])
async def test_stream_ends_with_the_blocking_answer(
    client: httpx.AsyncClient, granularity: str
) -> None:
    fields = {**MODEL, "timestamp_granularities": granularity}
    blocking = await client.post(TRANSCRIPTIONS, data=fields, files=FILE)
    streamed = await client.post(TRANSCRIPTIONS, data={**fields, "stream": "true"}, files=FILE)
    assert streamed.headers["content-type"] == "text/event-stream"
    assert streamed.headers["cache-control"] == "no-cache"
    assert streamed.headers["x-accel-buffering"] == "no"
    assert streamed.headers["x-request-id"]
    events = frames(streamed.text)
    assert all(kind == payload["type"] for kind, payload in events)
    kinds = [kind for kind, _ in events]
    assert kinds[:3] == [
        "transcription.language",
        "transcription.text.delta",
        "transcription.segment",
    ]
    assert kinds.count("transcription.done") == 1
    done = events[-1][1]
    assert done.pop("type") == "transcription.done"
    assert done == blocking.json()
    deltas = [payload["text"] for kind, payload in events if kind == "transcription.text.delta"]
    assert "".join(deltas) == done["text"]
    segments = [payload for kind, payload in events if kind == "transcription.segment"]
    assert [each["text"] for each in segments] == [each["text"] for each in done["segments"]]
    assert len(segments) == (2 if granularity == "segment" else 3)


async def test_a_stream_without_granularity_has_no_segments(
    service: ScriptedService, client: httpx.AsyncClient
) -> None:
    service.steps = lambda _: [SegmentCompleted(SEGMENTS[0]), Progress(1.0), Completed(TRANSCRIPT)]
    answer = await client.post(TRANSCRIPTIONS, data={**MODEL, "stream": "1"}, files=FILE)
    assert [kind for kind, _ in frames(answer.text)] == ["transcription.done"]


async def test_a_language_the_caller_gave_is_not_told(client: httpx.AsyncClient) -> None:
    fields = {**MODEL, "stream": "true", "language": "en"}
    answer = await client.post(TRANSCRIPTIONS, data=fields, files=FILE)
    assert frames(answer.text)[0][0] == "transcription.text.delta"


async def test_options_reach_the_service(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    fields = {**MODEL, "language": "DE", "temperature": "0.5", "timestamp_granularities": "word"}
    await client.post(TRANSCRIPTIONS, data=fields, files=FILE)
    options = service.calls[0].options
    assert (options.language, options.temperature, options.granularity) == ("de", 0.5, "word")


async def test_no_speech(service: ScriptedService, client: httpx.AsyncClient) -> None:
    service.steps = lambda _: [Completed(Transcript("", None, (), 3.0))]
    answer = (await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)).json()
    assert (answer["text"], answer["language"], answer["segments"]) == ("", None, [])
    assert answer["usage"]["completion_tokens"] == 4


async def test_fields_are_checked_before_the_model(client: httpx.AsyncClient) -> None:
    answer = await client.post(TRANSCRIPTIONS, json={"model": "Model X"})
    assert answer.status_code == 422
    answer = await client.post(TRANSCRIPTIONS, data={"model": "Model X"}, files=FILE)
    assert answer.status_code == 400
    assert answer.json() == {
        "object": "error",
        "message": "Invalid model: Model X",
        "type": "invalid_model",
        "param": None,
        "code": "1500",
        "raw_status_code": 400,
    }


ASKED = [
    (Feature.DIARIZE, {"diarize": "True"}),
    (Feature.CONTEXT_BIAS, {"context_bias": ["a", "b"]}),
]


@pytest.mark.parametrize(("feature", "fields"), ASKED)
async def test_a_feature_that_is_not_there_is_named(
    client: httpx.AsyncClient, service: ScriptedService, feature: Feature, fields: dict[str, Any]
) -> None:
    answer = await client.post(TRANSCRIPTIONS, data={**MODEL, **fields}, files=FILE)
    assert answer.status_code == 400
    assert answer.json()["code"] == "3051"
    assert answer.json()["type"] == "invalid_request_invalid_args"
    assert answer.json()["param"] == feature.value
    assert f"{feature.value} is not available yet" in answer.json()["message"]
    assert service.calls == []


async def test_a_file_id_is_not_available_yet(client: httpx.AsyncClient) -> None:
    answer = await client.post(TRANSCRIPTIONS, json={**MODEL, "file_id": "abc"})
    assert answer.status_code == 400
    assert answer.json()["param"] == "file_id"


@pytest.mark.parametrize(("feature", "fields"), ASKED)
async def test_features_are_switched_on_by_data(
    make_app: MakeApp, service: ScriptedService, feature: Feature, fields: dict[str, Any]
) -> None:
    service.card = replace(CARD, features=frozenset({feature}))
    async with client_of(make_app()) as client:
        answer = await client.post(TRANSCRIPTIONS, data={**MODEL, **fields}, files=FILE)
    assert answer.status_code == 200


async def test_what_sdks_always_send_asks_for_nothing(client: httpx.AsyncClient) -> None:
    fields = {**MODEL, "diarize": "false", "stream": "false"}
    assert (await client.post(TRANSCRIPTIONS, data=fields, files=FILE)).status_code == 200
    nulls: dict[str, None] = dict.fromkeys(
        ("file_id", "language", "temperature", "speaker_references")
    )
    body: dict[str, Any] = {
        **MODEL,
        **nulls,
        "file_url": DATA_URI,
        "context_bias": [],
        "diarize": False,
    }
    assert (await client.post(TRANSCRIPTIONS, json=body)).status_code == 200


async def test_a_language_the_model_lacks(client: httpx.AsyncClient) -> None:
    answer = await client.post(TRANSCRIPTIONS, data={**MODEL, "language": "xx"}, files=FILE)
    assert answer.status_code == 400
    assert answer.json()["param"] == "language"


@pytest.mark.parametrize("stream", ["false", "true"])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnreadableAudio("no audio track"), 400),
        (errors.TooLarge("longer than 10800 s"), 413),
        (errors.Overloaded("full", retry_after_s=9), 429),
        (errors.Unavailable("an engine was lost"), 503),
        (errors.EngineFailed("secret"), 500),
        (RuntimeError("secret"), 500),
    ],
)
async def test_an_error_before_the_first_event_is_an_http_error(
    client: httpx.AsyncClient,
    service: ScriptedService,
    *,
    error: Exception,
    status: int,
    stream: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    service.steps = lambda _: [error]
    answer = await client.post(TRANSCRIPTIONS, data={**MODEL, "stream": stream}, files=FILE)
    assert answer.status_code == status
    assert answer.json()["raw_status_code"] == status
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status in {429, 503})
    assert bool([r for r in caplog.records if r.exc_info]) == (status == 500)
    assert service.active == 0


async def test_a_transcription_that_ends_without_its_end_is_our_fault(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    service.steps = lambda _: [TextDelta("a")]
    answer = await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
    assert answer.status_code == 500


async def test_a_request_has_a_time_limit(make_app: MakeApp, service: ScriptedService) -> None:
    service.steps = lambda _: [asyncio.Event()]
    async with client_of(make_app(request_timeout_s=0.2)) as client:
        answer = await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
    assert answer.status_code == 504
    assert "0.2 s" in answer.json()["message"]
    assert service.active == 0


async def test_an_upload_over_the_limit(make_app: MakeApp, service: ScriptedService) -> None:
    async with client_of(make_app(max_upload_bytes=1000)) as client:
        big = {"file": b"x" * 1001}
        answer = await client.post(TRANSCRIPTIONS, data=MODEL, files=big)
        assert answer.status_code == 413
        assert "1000 bytes" in answer.json()["message"]
        uri = "data:;base64," + base64.b64encode(b"x" * 1001).decode()
        answer = await client.post(TRANSCRIPTIONS, json={**MODEL, "file_url": uri})
        assert answer.status_code == 413
    assert service.calls == []


async def test_a_long_data_uri(make_app: MakeApp, service: ScriptedService) -> None:
    content = bytes(range(256)) * 2000
    uri = "data:;base64," + base64.b64encode(content).decode()
    async with client_of(make_app()) as client:
        for kind in ("json", "data"):
            answer = await client.post(TRANSCRIPTIONS, **{kind: {**MODEL, "file_url": uri}})  # type: ignore[arg-type]
            assert answer.status_code == 200
            assert service.calls[-1].content == content


async def test_a_damaged_data_uri(client: httpx.AsyncClient) -> None:
    answer = await client.post(TRANSCRIPTIONS, json={**MODEL, "file_url": "data:;base64,a"})
    assert answer.status_code == 422
    assert answer.json()["message"]["detail"][0]["loc"] == ["body", "file_url"]


async def test_one_request_too_many(make_app: MakeApp, service: ScriptedService) -> None:
    release = asyncio.Event()
    service.steps = lambda options: [release, *script(options)]
    app = make_app(max_requests=1)
    async with client_of(app) as client:
        first = asyncio.create_task(client.post(TRANSCRIPTIONS, data=MODEL, files=FILE))
        await service.started.wait()
        second = await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
        assert second.status_code == 429
        assert int(second.headers["retry-after"]) > 0
        assert second.json()["raw_status_code"] == 429
        release.set()
        assert (await first).status_code == 200
        third = await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
        assert third.status_code == 200
    assert app.admission.in_use == 0


async def test_limits_of_one_key(make_app: MakeApp, service: ScriptedService) -> None:
    release = asyncio.Event()
    service.steps = lambda options: [release, *script(options)]
    app = make_app(api_keys="a=1,b=2", max_requests_per_key=1, requests_per_minute=2)
    async with client_of(app) as client:

        async def post(key: str) -> httpx.Response:
            headers = {"x-api-key": key}
            return await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE, headers=headers)

        first = asyncio.create_task(post("1"))
        await service.started.wait()
        beside = await post("1")
        other = asyncio.create_task(post("2"))
        release.set()
        assert ((await first).status_code, (await other).status_code) == (200, 200)
        assert (await post("1")).status_code == 200
        third = await post("1")
    for refused in (beside, third):
        assert refused.status_code == 429
        assert "this key" in refused.json()["message"]
        assert int(refused.headers["retry-after"]) > 0


async def test_a_full_queue(make_app: MakeApp, service: ScriptedService) -> None:
    service.max_bytes = 1000
    async with client_of(make_app()) as client:
        small = await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
        large = await client.post(TRANSCRIPTIONS, data=MODEL, files={"file": bytes(1000)})
    assert small.status_code == 200
    assert large.status_code == 429
    assert large.headers["retry-after"] == "7"


async def test_while_draining(make_app: MakeApp, service: ScriptedService) -> None:
    app = make_app()
    async with client_of(app) as client:
        app.admission.drain()
        for method, path in (("POST", TRANSCRIPTIONS), ("GET", "/v1/models"), ("GET", "/x")):
            answer = await client.request(method, path)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 503


async def test_no_temporary_file_remains(
    make_app: MakeApp, service: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with client_of(make_app()) as client:
        await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
        await client.post(TRANSCRIPTIONS, json={**MODEL, "file_url": DATA_URI})
        service.steps = lambda _: [errors.UnreadableAudio("no")]
        await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
        await client.post(TRANSCRIPTIONS, data={"model": "x"}, files=FILE)
    assert list(tmp_path.iterdir()) == []


async def test_other_methods_and_paths(client: httpx.AsyncClient) -> None:
    answer = await client.get(TRANSCRIPTIONS)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["object"] == "error"
    for path in ("/nowhere", "/v1/audio/translations", TRANSCRIPTIONS + "/"):
        answer = await client.post(path)
        assert answer.status_code == 404
        assert answer.json()["raw_status_code"] == 404
