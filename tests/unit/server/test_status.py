"""Errors on the wire."""

import json
from collections.abc import Iterator

import pytest
from starlette.exceptions import HTTPException

from auricle import errors
from auricle.server.status import (
    GENERIC_MESSAGE,
    KINDS,
    encode_json,
    error_body,
    error_response,
    kind_of,
    status_of,
)
from auricle.server.wire.errors import FieldProblem, ValidationFailed


def all_errors(base: type[errors.AuricleError] = errors.AuricleError) -> Iterator[type]:
    yield base
    for child in base.__subclasses__():
        yield from all_errors(child)


@pytest.mark.parametrize("error", [e for e in all_errors() if e.__module__ == errors.__name__])
def test_every_public_error_has_a_row_of_its_own(error: type[errors.AuricleError]) -> None:
    assert error in KINDS or error.__name__.startswith("_")


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (errors.UnknownModel("m"), 400, "invalid_model", "1500"),
        (errors.UnreadableAudio("m"), 400, "invalid_request_invalid_args", "3051"),
        (errors.NotSupported("m"), 400, "invalid_request_invalid_args", "3051"),
        (errors.TooLarge("m"), 413, "invalid_request_invalid_args", "3051"),
        (errors.NotAllowed("m"), 403, "forbidden", None),
        (errors.NotFound("m"), 404, "not_found", None),
        (errors.Conflict("m"), 409, "conflict", None),
        (errors.Overloaded("m"), 429, "rate_limited", None),
        (errors.Unavailable("m"), 503, "service_unavailable", None),
        (errors.DeadlineExceeded("m"), 504, "deadline_exceeded", None),
    ],
)
def test_body_of_a_client_error(
    error: errors.AuricleError, status: int, kind: str, code: str | None
) -> None:
    assert error_body(error) == {
        "object": "error",
        "message": "m",
        "type": kind,
        "param": None,
        "code": code,
        "raw_status_code": status,
    }
    assert error_response(error).status_code == status


@pytest.mark.parametrize(
    "error",
    [
        errors.EngineFailed("secret"),
        errors.WeightsError("/secret/path"),
        errors.SettingsError("secret"),
        errors.AuricleError("secret"),
        ValueError("secret"),
    ],
)
def test_our_own_faults_tell_nothing(error: Exception) -> None:
    body = error_body(error)
    assert body["message"] == GENERIC_MESSAGE
    assert "secret" not in json.dumps(body)
    assert status_of(error) == 500


def test_unauthorized_has_the_form_of_the_hosted_service() -> None:
    response = error_response(errors.NotAuthenticated("which key"))
    assert response.status_code == 401
    assert json.loads(bytes(response.body)) == {"detail": "Unauthorized"}


def test_an_invalid_request_from_deeper_down_has_the_form_of_a_wrong_field() -> None:
    body = error_body(errors.InvalidRequest("is odd", param="file_url"))
    assert body["raw_status_code"] == 422
    assert body["message"] == {
        "detail": [
            {"type": "value_error", "loc": ["body", "file_url"], "msg": "is odd", "input": None}
        ]
    }
    assert body["param"] is None
    assert body["type"] == "invalid_request_error"


def test_failed_validation_names_every_field() -> None:
    problems = [FieldProblem(type="missing", loc=["body", name], msg="no") for name in "ab"]
    assert len(error_body(ValidationFailed(problems))["message"]["detail"]) == 2


@pytest.mark.parametrize("kind", [errors.Overloaded, errors.Unavailable])
def test_errors_that_pass_say_when_to_come_back(
    kind: type[errors.Overloaded | errors.Unavailable],
) -> None:
    assert error_response(kind("later", retry_after_s=7)).headers["retry-after"] == "7"


def test_a_new_error_without_a_row_takes_its_parents() -> None:
    class Stranger(errors.NotFound):
        pass

    assert kind_of(Stranger("x")).status == 404


def test_routing_errors_keep_status_and_headers() -> None:
    response = error_response(HTTPException(405, headers={"allow": "POST"}))
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert json.loads(bytes(response.body))["raw_status_code"] == 405


def test_json_survives_lone_surrogates() -> None:
    assert encode_json({"model": "\ud800"}) == b'{"model":"\\ud800"}'
