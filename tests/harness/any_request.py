"""Requests made from the server's own `/openapi.json`, fitting it and not."""

from collections.abc import Callable
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from auricle.server.openapi import build_document
from harness.transcribe import MODEL

Operation = APIOperation[Any, Any, Any, Any]
SCHEMA = schemathesis.openapi.from_dict(build_document())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
ASKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
TIMEOUT_S = 60


def kinds_of(operation: Operation) -> list[GenerationMode]:
    """What can be made for an operation: where nothing is asked, nothing can be wrong."""
    takes_something = operation.body or any(operation.iter_parameters())
    return list(GenerationMode) if takes_something else [GenerationMode.POSITIVE]


def campaign(
    operation: Operation, mode: GenerationMode, url: str, key: str, n_requests: int
) -> Callable[[], None]:
    """A function that sends so many requests and fails at an answer that was not promised."""
    session = requests.Session()
    session.trust_env = False

    @settings(
        max_examples=n_requests,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Case[Any]) -> None:
        if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body["model"] = MODEL  # else hardly any request comes as far as its recording
        headers = {"authorization": f"Bearer {key}"}
        answer = case.call(base_url=url, session=session, headers=headers, timeout=TIMEOUT_S)
        case.validate_response(answer, checks=ASKED)

    return run
