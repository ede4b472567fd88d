"""Errors on the wire: the only place that knows statuses and the form of an error's body.

The statuses follow the hosted API, which wins over HTTP's customs (a bad field is 422, audio
that cannot be decoded 400).
"""

import json
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from auricle import errors
from auricle.server.wire.errors import (
    ErrorBody,
    FieldProblem,
    FieldProblems,
    UnauthorizedBody,
    ValidationFailed,
)

GENERIC_MESSAGE = "Internal server error"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """How a class of errors looks on the wire; `is_internal` hides its message."""

    status: int
    type: str
    code: str | None = None
    is_internal: bool = False


_INVALID_ARGUMENTS = "invalid_request_invalid_args"
_OURS = ErrorKind(500, "internal_server_error", is_internal=True)

KINDS: dict[type[errors.AuricleError], ErrorKind] = {
    errors.AuricleError: _OURS,
    errors.InvalidRequest: ErrorKind(422, "invalid_request_error"),
    errors.UnreadableAudio: ErrorKind(400, _INVALID_ARGUMENTS, "3051"),
    errors.NotSupported: ErrorKind(400, _INVALID_ARGUMENTS, "3051"),
    errors.UnknownModel: ErrorKind(400, "invalid_model", "1500"),
    errors.TooLarge: ErrorKind(413, _INVALID_ARGUMENTS, "3051"),
    errors.NotAuthenticated: ErrorKind(401, "unauthorized"),
    errors.NotAllowed: ErrorKind(403, "forbidden"),
    errors.NotFound: ErrorKind(404, "not_found"),
    errors.Conflict: ErrorKind(409, "conflict"),
    errors.Overloaded: ErrorKind(429, "rate_limited"),
    errors.Unavailable: ErrorKind(503, "service_unavailable"),
    errors.DeadlineExceeded: ErrorKind(504, "deadline_exceeded"),
    errors.UpstreamFailed: ErrorKind(502, "bad_gateway"),
    errors.WeightsError: _OURS,
    errors.SettingsError: _OURS,
    errors.EngineFailed: _OURS,
}


def kind_of(error: Exception) -> ErrorKind:
    """The row of the nearest class in the error's class order; foreign errors are our fault."""
    for cls in type(error).__mro__:
        if cls in KINDS:
            return KINDS[cls]
    return _OURS


def error_body(error: Exception) -> dict[str, Any]:
    """The JSON body of an error; nothing internal is in it."""
    if isinstance(error, errors.NotAuthenticated):
        return UnauthorizedBody().model_dump()
    if isinstance(error, HTTPException):
        body = ErrorBody(
            message=str(error.detail), type="http_error", raw_status_code=error.status_code
        )
        return body.model_dump()
    kind = kind_of(error)
    return ErrorBody(
        message=_message(error, kind),
        type=kind.type,
        param=_param(error, kind),
        code=kind.code,
        raw_status_code=kind.status,
    ).model_dump()


def _message(error: Exception, kind: ErrorKind) -> str | FieldProblems:
    if kind.is_internal:
        return GENERIC_MESSAGE
    if isinstance(error, ValidationFailed):
        return FieldProblems(detail=error.problems)
    if isinstance(error, errors.AuricleError) and kind.status == 422:
        place: list[str | int] = ["body"] if error.param is None else ["body", error.param]
        return FieldProblems(
            detail=[FieldProblem(type="value_error", loc=place, msg=error.message)]
        )
    return str(error)


def _param(error: Exception, kind: ErrorKind) -> str | None:
    if isinstance(error, errors.AuricleError) and kind.status not in {422, 500}:
        return error.param
    return None


def status_of(error: Exception) -> int:
    """The HTTP status of an error."""
    return error.status_code if isinstance(error, HTTPException) else kind_of(error).status


def error_response(error: Exception) -> Response:
    """The whole answer to a request that failed before its first byte."""
    headers: dict[str, str] = {}
    if isinstance(error, HTTPException) and error.headers:
        headers.update(error.headers)
    if isinstance(error, errors.Overloaded | errors.Unavailable):
        headers["retry-after"] = str(error.retry_after_s)
    if isinstance(error, errors.NotAuthenticated):
        headers["www-authenticate"] = "Bearer"
    return Response(
        encode_json(error_body(error)),
        status_code=status_of(error),
        headers=headers,
        media_type="application/json",
    )


def encode_json(value: object) -> bytes:
    """Compact JSON in ASCII: what clients sent comes back unharmed, lone surrogates included."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
