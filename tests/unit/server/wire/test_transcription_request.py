"""The fields of a request: what they mean, and what is said of wrong ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from auricle.errors import NotSupported
from auricle.pipeline.options import TranscribeOptions
from auricle.server.status import encode_json, error_body
from auricle.server.wire.errors import ValidationFailed
from auricle.server.wire.field_reader import LongText, RawField, Upload
from auricle.server.wire.transcription_request import (
    MAX_BIAS_PHRASE,
    MAX_CONTEXT_BIAS,
    TranscriptionRequest,
    parse_request,
)
from auricle.sources.spool import Spool

URL = "https://example.org/a.mp3"


def parsed(*extra: tuple[str, Any], source: bool = True) -> TranscriptionRequest:
    fields = [("model", "m"), *([("file_url", URL)] if source else []), *extra]
    return parse_request([RawField(name, value) for name, value in fields])


def problems(*extra: tuple[str, Any], source: bool = True) -> list[dict[str, Any]]:
    with pytest.raises(ValidationFailed) as caught:
        parsed(*extra, source=source)
    body = error_body(caught.value)
    assert body["raw_status_code"] == 422
    encode_json(body)
    detail: list[dict[str, Any]] = body["message"]["detail"]
    assert all(set(each) == {"type", "loc", "msg", "input"} for each in detail)
    return detail


def test_the_least() -> None:
    request = parsed()
    assert request.model == "m"
    assert request.file_url == URL
    assert request.stream is False
    assert request.diarize is False
    assert request.options() == TranscribeOptions(model="m")


@pytest.mark.parametrize("value", ["true", "True", "1", True])
def test_true(value: Any) -> None:
    assert parsed(("stream", value)).stream is True


@pytest.mark.parametrize("value", ["false", "False", "0", False, None])
def test_false(value: Any) -> None:
    assert parsed(("stream", value)).stream is False


@pytest.mark.parametrize("value", ["maybe", "", "2", 2, [], "truetrue"])
def test_neither(value: Any) -> None:
    assert problems(("stream", value))[0]["loc"] == ["body", "stream"]


def test_quotes_around_values_are_taken_off() -> None:
    request = parse_request(
        [
            RawField("model", '"voxtral-mini-latest"'),
            RawField("file_url", f'"{URL}"'),
            RawField("timestamp_granularities", '"segment"'),
            RawField("stream", '"true"'),
        ]
    )
    assert request.model == "voxtral-mini-latest"
    assert request.file_url == URL
    assert request.options().granularity == "segment"
    assert request.stream


@pytest.mark.parametrize(
    "fields",
    [
        [("context_bias", "a"), ("context_bias", "b_c")],
        [("context_bias[]", "a"), ("context_bias[]", "b_c")],
        [("context_bias", '["a", "b_c"]')],
        [("context_bias", ["a", "b_c"])],
        [("context_bias[]", '["a"]'), ("context_bias", "b_c")],
        [("context_bias", ""), ("context_bias", "a"), ("context_bias", "b_c")],
    ],
)
def test_lists_in_every_spelling(fields: list[tuple[str, Any]]) -> None:
    assert parsed(*fields).context_bias == ["a", "b c"]


@pytest.mark.parametrize("name", ["context_bias", "timestamp_granularities"])
@pytest.mark.parametrize("value", [[], "[]", None, ""])
def test_empty_lists_ask_for_nothing(name: str, value: Any) -> None:
    assert getattr(parsed((name, value)), name) == []


@pytest.mark.parametrize("granularity", ["segment", "word"])
def test_granularity(granularity: str) -> None:
    assert parsed(("timestamp_granularities[]", granularity)).options().granularity == granularity
    twice = [("timestamp_granularities", granularity)] * 2
    assert parsed(*twice).options().granularity == granularity


def test_both_granularities_are_one_too_many() -> None:
    fields = [("timestamp_granularities", "segment"), ("timestamp_granularities", "word")]
    (problem,) = problems(*fields)
    assert "not both" in problem["msg"]


def test_unknown_granularity() -> None:
    (problem,) = problems(("timestamp_granularities", "char"))
    assert problem["loc"] == ["body", "timestamp_granularities", 0]
    assert problem["input"] == "char"


@pytest.mark.parametrize(("value", "language"), [("en", "en"), ("DE", "de"), (None, None)])
def test_language(value: str | None, language: str | None) -> None:
    assert parsed(("language", value)).options().language == language


@pytest.mark.parametrize("value", ["", "e", "eng", "en-US", "e n", "en\n", 12, ["en"]])
def test_wrong_language(value: Any) -> None:
    assert problems(("language", value))[0]["loc"] == ["body", "language"]


@pytest.mark.parametrize(("value", "number"), [("0", 0.0), ("0.7", 0.7), (2, 2.0), (None, None)])
def test_temperature(value: Any, number: float | None) -> None:
    assert parsed(("temperature", value)).options().temperature == number


@pytest.mark.parametrize("value", ["", "warm", "-0.1", "2.1", "nan", "inf", [1]])
def test_wrong_temperature(value: Any) -> None:
    assert problems(("temperature", value))[0]["loc"] == ["body", "temperature"]


def test_a_missing_model_is_told_as_the_hosted_service_does() -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse_request([RawField("file_url", URL)])
    assert error_body(caught.value)["message"]["detail"] == [
        {"type": "missing", "loc": ["body", "model"], "msg": "Field required", "input": None}
    ]


@pytest.mark.parametrize("value", ["", '""', None, 5, ["m"], {"a": 1}])
def test_wrong_model(value: Any) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse_request([RawField("model", value), RawField("file_url", URL)])
    assert caught.value.problems[0].loc == ["body", "model"]


def upload(tmp_path: Path, size: int = 3, *, has_name: bool = True) -> Upload:
    spool = Spool(100, folder=tmp_path)
    spool.append(b"x" * size)
    return Upload(spool, has_name=has_name)


def test_no_source_and_too_many(tmp_path: Path) -> None:
    (problem,) = problems(source=False)
    assert "exactly one of file, file_url and file_id" in problem["msg"]
    assert "not 0" in problem["msg"]
    (problem,) = problems(("file_id", "abc"))
    assert "not 2" in problem["msg"]
    (problem,) = problems(("file_id", "abc"), ("file", upload(tmp_path)))
    assert "not 3" in problem["msg"]


def test_an_upload_alone(tmp_path: Path) -> None:
    given = upload(tmp_path)
    assert parsed(("file", given), source=False).file is given


def test_an_empty_upload_with_a_name_is_an_upload(tmp_path: Path) -> None:
    assert parsed(("file", upload(tmp_path, 0)), source=False).file is not None


def test_a_file_input_left_empty_is_none(tmp_path: Path) -> None:
    assert parsed(("file", upload(tmp_path, 0, has_name=False))).file is None


@pytest.mark.parametrize("value", ["text", {"fileName": "a"}, 5])
def test_a_file_that_is_no_upload(value: Any) -> None:
    (problem,) = problems(("file", value), source=False)
    assert problem["loc"] == ["body", "file"]
    assert "multipart" in problem["msg"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "HTTPS://example.org/ä?b=c#d",
        "http://[2001:db8::1]:8080/a",
        "https://example.org/" + "a" * 2063,
        "data:audio/wav;base64,UklGRg==",
        "data:," + "a" * 5000,
    ],
)
def test_urls(url: str) -> None:
    assert parsed(("file_url", url), source=False).file_url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/a", "http"),
        ("file:///etc/passwd", "http"),
        ("gopher://x", "http"),
        ("/etc/passwd", "http"),
        ("example.org/a.mp3", "http"),
        ("http://", "no host"),
        ("https://ana:pw@example.org/", "password"),
        ("https://ana@example.org/", "user name"),
        ("https://example.org/" + "a" * 2064, "2083"),
        ("http://exa mple.org\x00/", "not a URL"),
        ("http://[::1/", "not a URL"),
        ("http://example.org:99999/", "port"),
        ("http://example.org:0/", "port"),
        (5, "string"),
        (["http://example.org"], "string"),
    ],
)
def test_urls_that_are_refused_before_any_connection(url: Any, reason: str) -> None:
    (problem,) = problems(("file_url", url), source=False)
    assert problem["loc"] == ["body", "file_url"]
    assert reason in problem["msg"]


def long_text(content: bytes, folder: Path) -> LongText:
    spool = Spool(1 << 20, folder=folder)
    spool.write(content)
    return LongText(spool)


def test_only_data_uris_may_be_long(tmp_path: Path) -> None:
    uri = long_text(b"DATA:audio/wav;base64," + b"A" * 1000, tmp_path)
    assert parsed(("file_url", uri), source=False).file_url is uri
    (problem,) = problems(("file_url", long_text(b"http://" + b"a" * 1000, tmp_path)), source=False)
    assert "data: URI" in problem["msg"]
    assert problem["input"] is None


def test_unknown_fields_are_named() -> None:
    (problem,) = problems(("punctuate", "true"))
    assert problem == {
        "type": "extra_forbidden",
        "loc": ["body", "punctuate"],
        "msg": "Extra inputs are not permitted",
        "input": "true",
    }


@pytest.mark.parametrize("name", ["include", "prompt", "diarize[]", "model[]"])
def test_near_misses_are_unknown_fields(name: str) -> None:
    assert problems((name, "x"))[0]["loc"] == ["body", name]


def test_all_problems_are_told_at_once() -> None:
    places = [each["loc"][1] for each in problems(("a", "1"), ("b", "2"), ("language", "x"))]
    assert sorted(places) == ["a", "b", "language"]


def test_a_field_given_twice() -> None:
    (problem,) = problems(("language", "en"), ("language", "de"))
    assert problem["loc"] == ["body", "language"]
    assert "more than once" in problem["msg"]


def test_long_inputs_are_shortened_in_errors() -> None:
    (problem,) = problems(("language", "x" * 10_000))
    assert len(problem["input"]) < 300


@pytest.mark.parametrize("value", ["\ud800", {"a": "\ud800"}, float("1e308"), 10**400])
def test_odd_values_cannot_break_the_error(value: Any) -> None:
    assert problems(("language", value))
    assert problems(("unknown", value))
    with pytest.raises(ValidationFailed) as caught:
        parse_request([RawField("model", value), RawField("file_url", URL)])
    encode_json(error_body(caught.value))


def test_odd_names_cannot_break_the_error() -> None:
    assert problems(("\ud800", "x"))


def test_context_bias_is_bounded() -> None:
    assert len(parsed(("context_bias", ["a"] * MAX_CONTEXT_BIAS)).context_bias) == MAX_CONTEXT_BIAS
    assert problems(("context_bias", ["a"] * (MAX_CONTEXT_BIAS + 1)))
    assert problems(("context_bias", [5]))
    assert parsed(("context_bias", "x" * MAX_BIAS_PHRASE)).context_bias
    assert problems(("context_bias", "x" * (MAX_BIAS_PHRASE + 1)))
    assert problems(("context_bias", " _ "))


def test_phrases_reach_the_pipeline_once_each() -> None:
    asked = parsed(("context_bias", ["New_York", " New  York ", "iOS"]))
    assert asked.options().context_bias == ("New York", "iOS")


@pytest.mark.parametrize("value", [{"ana": "u"}, '{"ana": "u"}', {}, "{}"])
def test_speaker_references(value: Any) -> None:
    expected = json.loads(value) if isinstance(value, str) else value
    request = parsed(("speaker_references", value), ("diarize", True))
    assert request.speaker_references == expected


@pytest.mark.parametrize(
    "value", ["ana", "[1]", 5, ["a"], {str(i): "u" for i in range(9)}, "[" * 5000]
)
def test_wrong_speaker_references(value: Any) -> None:
    assert problems(("speaker_references", value))[0]["loc"] == ["body", "speaker_references"]


@pytest.mark.parametrize("sign", ["response_format", "include[]", "chunking_strategy"])
def test_the_other_dialect_is_named(sign: str) -> None:
    with pytest.raises(NotSupported, match="OpenAI dialect") as caught:
        parse_request([RawField("model", "whisper-1"), RawField(sign, "json")])
    body = error_body(caught.value)
    assert body["raw_status_code"] == 400
    assert body["code"] == "3051"
    assert sign in body["message"]
    assert body["param"] == sign


def test_the_other_dialect_s_clients_are_known_by_their_agent() -> None:
    with pytest.raises(NotSupported, match="User-Agent"):
        parse_request([RawField("model", "whisper-1")], "OpenAI/Python 1.99")
