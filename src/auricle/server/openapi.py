"""The OpenAPI document: what exists, built from the wire models and the table of operations."""

from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from auricle.server.timings import HEADER
from auricle.server.wire.errors import ErrorBody, UnauthorizedBody
from auricle.server.wire.models import BaseModelCard, ModelList
from auricle.server.wire.transcription import (
    DoneEvent,
    LanguageEvent,
    SegmentEvent,
    TextDeltaEvent,
    TranscriptionResponse,
)
from auricle.server.wire.transcription_request import TranscriptionRequest

Json = dict[str, Any]

REQUESTS: list[type[BaseModel]] = [TranscriptionRequest]
ANSWERS: list[type[BaseModel]] = [
    TranscriptionResponse,
    LanguageEvent,
    TextDeltaEvent,
    SegmentEvent,
    DoneEvent,
    ModelList,
    BaseModelCard,
    ErrorBody,
    UnauthorizedBody,
]

_ERRORS = {
    "400": "Unknown model, undecodable audio, or a feature that this server does not have.",
    "401": "No key, or a wrong one.",
    "403": "This host name or origin is not allowed.",
    "404": "No such thing.",
    "413": "Over a limit of size, count or duration; the message says which.",
    "422": "A field is missing or wrong, or there is not exactly one source of audio.",
    "429": "Over capacity; see Retry-After.",
    "500": "A fault of the server.",
    "503": "Not ready, or shutting down; see Retry-After.",
    "502": "The server that runs the model gave no usable answer.",
    "504": "The request's own time limit passed.",
}


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _json(model: type[BaseModel]) -> Json:
    return {"application/json": {"schema": _ref(model)}}


def _errors(*statuses: str) -> Json:
    return {
        status: {"$ref": f"#/components/responses/Error{status}"}
        for status in ("401", "403", *statuses, "500")
    }


def _error_component(status: str) -> Json:
    headers: Json = {"x-request-id": {"$ref": "#/components/headers/RequestId"}}
    if status in {"429", "503"}:
        headers["retry-after"] = {"$ref": "#/components/headers/RetryAfter"}
    return {
        "description": _ERRORS[status],
        "headers": headers,
        "content": _json(UnauthorizedBody if status == "401" else ErrorBody),
    }


def _ok(description: str, content: Json) -> Json:
    return {
        "200": {
            "description": description,
            "headers": {"x-request-id": {"$ref": "#/components/headers/RequestId"}},
            "content": content,
        }
    }


_TEXT_PLAIN = {"text/plain": {"schema": {"type": "string"}}}
_STATUS = {
    "application/json": {
        "schema": {
            "type": "object",
            "properties": {"status": {"type": "string"}},
            "required": ["status"],
        }
    }
}
_OPEN: list[Json] = []


def _form_schema(*, with_file: bool) -> Json:
    """The request without what a kind of body cannot carry."""
    if with_file:
        return _ref(TranscriptionRequest)
    return {"allOf": [_ref(TranscriptionRequest)], "not": {"required": ["file"]}}


def _transcribed() -> Json:
    events: list[type[BaseModel]] = [LanguageEvent, TextDeltaEvent, SegmentEvent, DoneEvent]
    events.append(ErrorBody)  # as the event `error`
    answer = _ok(
        "The transcript, or the stream of its events.",
        {
            **_json(TranscriptionResponse),
            "text/event-stream": {"schema": {"oneOf": [_ref(event) for event in events]}},
        },
    )
    answer["200"]["headers"][HEADER] = {"$ref": "#/components/headers/ServerTiming"}
    return answer


def _transcribe() -> Json:
    text_body = {"schema": _form_schema(with_file=False)}
    return {
        "operationId": "createTranscription",
        "summary": "Transcribe a recording",
        "description": (
            "Exactly one of `file`, `file_url` and `file_id`. With `stream` the answer is a "
            "stream of server-sent events: `transcription.language`, "
            "`transcription.text.delta`, `transcription.segment`, and at last "
            "`transcription.done`, which equals the blocking answer. An error after the first "
            "event is an event `error` with the body of the HTTP error, and the connection "
            "breaks off. Between events come comments, which readers of events skip: "
            "`: progress: 12.50` (seconds of the recording whose text is final), "
            "`: keep-alive`, and before the last event `: server-timing: …`, in the form of the "
            "header."
        ),
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": _form_schema(with_file=True)},
                "application/x-www-form-urlencoded": text_body,
                "application/json": text_body,
            },
        },
        "responses": {
            **_transcribed(),
            **_errors("400", "413", "422", "429", "502", "503", "504"),
        },
    }


def _get(operation_id: str, summary: str, responses: Json, **more: Any) -> Json:
    return {"operationId": operation_id, "summary": summary, "responses": responses, **more}


def _model_paths() -> Json:
    model_id = {
        "name": "model_id",
        "in": "path",
        "required": True,
        "description": "Id or alias.",
        "schema": {"type": "string"},
    }
    all_cards = {**_ok("The cards.", _json(ModelList)), **_errors("503")}
    one_card = {**_ok("The card.", _json(BaseModelCard)), **_errors("404", "503")}
    return {
        "/v1/models": {"get": _get("listModels", "The models served here", all_cards)},
        "/v1/models/{model_id}": {
            "get": _get("retrieveModel", "One model", one_card, parameters=[model_id])
        },
    }


def _health_paths() -> Json:
    is_live = _ok("It does.", _STATUS)
    is_ready = {
        **_ok("It would.", _STATUS),
        "503": {"$ref": "#/components/responses/Error503"},
    }
    return {
        "/health/live": {
            "get": _get("live", "Whether the process serves", is_live, security=_OPEN)
        },
        "/health/ready": {
            "get": _get("ready", "Whether a transcription would succeed", is_ready, security=_OPEN)
        },
    }


def _page_paths() -> Json:
    metrics = {**_ok("The metrics.", _TEXT_PLAIN), **_errors("503")}
    document = {
        **_ok("It.", {"application/json": {"schema": {"type": "object"}}}),
        **_errors("503"),
    }
    return {
        "/metrics": {"get": _get("metrics", "Metrics in the text format of Prometheus", metrics)},
        "/openapi.json": {"get": _get("openapi", "This document", document)},
    }


def _paths() -> Json:
    return {
        "/v1/audio/transcriptions": {"post": _transcribe()},
        **_model_paths(),
        **_health_paths(),
        **_page_paths(),
    }


def _schemas() -> Json:
    _, defined = models_json_schema(
        [(model, "validation") for model in REQUESTS]
        + [(model, "serialization") for model in ANSWERS],
        ref_template="#/components/schemas/{model}",
    )
    schemas: Json = _without_null_defaults(defined["$defs"])
    return schemas


def _without_null_defaults(value: Any) -> Any:
    """No default at all says the same as `null`, and fits schemas that `null` does not fit."""
    if isinstance(value, dict):
        return {
            key: _without_null_defaults(each)
            for key, each in value.items()
            if (key, each) != ("default", None)
        }
    return [_without_null_defaults(each) for each in value] if isinstance(value, list) else value


def build_document() -> Json:
    """The document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Auricle",
            "version": version("auricle"),
            "summary": "Self-hosted speech to text in the dialect of the Mistral audio API.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
            "responses": {f"Error{status}": _error_component(status) for status in _ERRORS},
            "headers": {
                "RequestId": {
                    "description": "Id of this request, also in the server's log.",
                    "schema": {"type": "string"},
                },
                "ServerTiming": {
                    "description": (
                        "Milliseconds by step (W3C Server Timing): `upload`, `fetch`, `decode`, "
                        "`vad`, `queue`, `inference` (the sum over windows), `total`. Not on "
                        "streams."
                    ),
                    "schema": {"type": "string"},
                },
                "RetryAfter": {
                    "description": "Seconds to wait before the next try.",
                    "schema": {"type": "integer"},
                },
            },
        },
    }
