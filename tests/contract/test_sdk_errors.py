"""Errors as every SDK raises them: the status and the body of the contract."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.sdk import Sdk, SdkError, upload
from harness.speech import ASK_NOT

MODEL = "voxtral-mini-latest"
AUDIO = {"file": upload(ASK_NOT.path)}


def complete(sdk: Sdk, **fields: Any) -> Any:
    return sdk.complete(**fields)


def stream(sdk: Sdk, **fields: Any) -> Any:
    return list(sdk.stream(**fields))


Call = Callable[..., Any]
CALLS = pytest.mark.parametrize("call", [complete, stream])


def refused(call: Call, sdk: Sdk, **fields: Any) -> SdkError:
    with pytest.raises(SdkError) as caught:
        call(sdk, **fields)
    return caught.value


@CALLS
def test_no_audio(sdk: Sdk, call: Call) -> None:
    error = refused(call, sdk, model="Model X")
    assert error.status == 422
    (problem,) = error.content["message"].pop("detail")
    assert problem.keys() >= {"type", "loc", "msg", "input"}
    assert error.content == {
        "object": "error",
        "message": {"detail": [problem]},
        "type": "invalid_request_error",
        "param": None,
        "code": None,
        "raw_status_code": 422,
    }


@CALLS
@pytest.mark.parametrize("model", ["Model X", "Camry"])
def test_unknown_model(sdk: Sdk, call: Call, model: str) -> None:
    error = refused(call, sdk, model=model, **AUDIO)
    assert error.status == 400
    assert error.content == {
        "object": "error",
        "message": f"Invalid model: {model}",
        "type": "invalid_model",
        "param": None,
        "code": "1500",
        "raw_status_code": 400,
    }


@CALLS
def test_wrong_key(sdk: Sdk, call: Call) -> None:
    error = refused(call, sdk, key="wrong", model=MODEL, **AUDIO)
    assert (error.status, error.content) == (401, {"detail": "Unauthorized"})


@CALLS
def test_undecodable_audio(sdk: Sdk, call: Call, tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("these are notes, not audio\n" * 100)
    _assert_invalid_arguments(refused(call, sdk, model=MODEL, file=upload(path)))


@CALLS
def test_both_granularities(sdk: Sdk, call: Call) -> None:
    granularities = ["segment", "word"]
    error = refused(call, sdk, model=MODEL, timestamp_granularities=granularities, **AUDIO)
    assert error.status == 422
    assert "timestamp_granularities" in str(error.content["message"]["detail"])


@CALLS
def test_two_sources(sdk: Sdk, call: Call) -> None:
    url = "https://example.org/a.mp3"
    assert refused(call, sdk, model=MODEL, file_url=url, **AUDIO).status == 422


def _assert_invalid_arguments(error: SdkError) -> None:
    content = error.content
    assert error.status == content["raw_status_code"] == 400
    assert (content["object"], content["type"]) == ("error", "invalid_request_invalid_args")
    assert content["code"] == "3051"
    assert isinstance(content["message"], str)
