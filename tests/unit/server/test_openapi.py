"""The OpenAPI document against the routes, and what clients send and get against it."""

import json
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from openapi_spec_validator import validate
from starlette.routing import Route

from auricle.server.openapi import build_document
from auricle.server.status import KINDS
from auricle.server.wire.transcription_request import TranscriptionRequest
from auricle.transcript.events import Completed
from auricle.transcript.model import Transcript
from unit.server.harness import FILE, MODEL, TRANSCRIPTIONS, MakeApp
from unit.server.scripted_service import SEGMENTS, ScriptedService
from unit.server.test_transcriptions import frames

DOCUMENT = build_document()


def schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}


def check(value: Any, name: str) -> None:
    jsonschema.Draft202012Validator(schema(name)).validate(value)


def test_is_valid() -> None:
    validate(DOCUMENT)


async def test_is_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json() == json.loads(json.dumps(DOCUMENT))


def test_holds_every_route_and_no_other(make_app: MakeApp) -> None:
    served = {
        (route.path_format, method.lower())
        for route in make_app().routes
        if isinstance(route, Route) and route.include_in_schema
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {(path, method) for path, item in DOCUMENT["paths"].items() for method in item}
    assert served == described


def test_tells_every_status_an_error_can_have() -> None:
    told = DOCUMENT["paths"][TRANSCRIPTIONS]["post"]["responses"]
    expected = {kind.status for kind in KINDS.values()} - {404, 409}
    assert {int(status) for status in told} == expected | {200}


def test_tells_every_field_and_every_kind_of_body() -> None:
    content = DOCUMENT["paths"][TRANSCRIPTIONS]["post"]["requestBody"]["content"]
    assert set(content) == {
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "application/json",
    }
    fields = DOCUMENT["components"]["schemas"]["TranscriptionRequest"]["properties"]
    assert set(fields) == set(TranscriptionRequest.model_fields)
    assert all("description" in each or name in {"model"} for name, each in fields.items())


async def test_answers_fit(client: httpx.AsyncClient, service: ScriptedService) -> None:
    fields = {**MODEL, "timestamp_granularities": "word"}
    answer = await client.post(TRANSCRIPTIONS, data=fields, files=FILE)
    check(answer.json(), "TranscriptionResponse")
    check((await client.get("/v1/models")).json(), "ModelList")
    check((await client.get("/v1/models/whisper-1")).json(), "BaseModelCard")
    check((await client.post(TRANSCRIPTIONS, data=MODEL)).json(), "ErrorBody")
    check((await client.get("/nowhere")).json(), "ErrorBody")
    service.steps = lambda _: [
        Completed(Transcript("", None, SEGMENTS, 3.0, notices=("it breaks off",)))
    ]
    answer = await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
    check(answer.json(), "TranscriptionResponse")


async def test_events_fit(client: httpx.AsyncClient) -> None:
    fields = {**MODEL, "stream": "true", "timestamp_granularities": "segment"}
    answer = await client.post(TRANSCRIPTIONS, data=fields, files=FILE)
    names = {
        "transcription.language": "LanguageEvent",
        "transcription.text.delta": "TextDeltaEvent",
        "transcription.segment": "SegmentEvent",
        "transcription.done": "DoneEvent",
    }
    seen = frames(answer.text)
    for kind, payload in seen:
        check(payload, names[kind])
    assert {kind for kind, _ in seen} == set(names)


@pytest.mark.parametrize(
    "request_body",
    [
        {"model": "m", "file_url": "https://example.org/a", "diarize": False},
        {"model": "m", "file_id": "f", "context_bias": ["a"], "timestamp_granularities": ["word"]},
        {"model": "m", "file_url": None, "language": None, "file_id": "x", "temperature": None},
    ],
)
def test_what_sdks_send_fits(request_body: dict[str, Any]) -> None:
    check(request_body, "TranscriptionRequest")


def test_answers_promise_what_is_always_there() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    required = {"type", "model", "text", "language", "segments", "usage"}
    assert set(schemas["DoneEvent"]["required"]) == required
    assert "score" not in schemas["TranscriptionSegment"]["required"]


def test_unknown_fields_do_not_fit() -> None:
    with pytest.raises(jsonschema.ValidationError):
        check({"model": "m", "file_id": "x", "mode": "y"}, "TranscriptionRequest")
