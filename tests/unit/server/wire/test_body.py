"""Bodies of all kinds: what they mean, where their bounds are."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from auricle.errors import DeadlineExceeded, InvalidRequest, TooLarge
from auricle.server.feed import ClientLeft
from auricle.server.wire.body import BodyLimits, read_fields
from auricle.server.wire.field_reader import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_NAME_BYTES,
    LongText,
    RawField,
    Upload,
)
from auricle.server.wire.json_body import MAX_OUTLINE_BYTES
from auricle.server.wire.multipart import MAX_FILE_NAME_BYTES, MAX_HEADER_BYTES
from unit.server.wire.body_kinds import (
    BOUNDARY,
    JSON,
    MULTIPART,
    URLENCODED,
    fields_of,
    json_body,
    multipart,
    multipart_texts,
    part,
    urlencoded,
)

FIELDS = [("model", "m"), ("context_bias", "a"), ("context_bias", "ä & b=c")]
LIMIT = 100_000


def pairs(fields: list[RawField]) -> list[tuple[str, object]]:
    return [(field.name, field.value) for field in fields]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (MULTIPART, multipart_texts(FIELDS)),
        (URLENCODED, urlencoded(FIELDS)),
        (f"{URLENCODED}; charset=utf-8", urlencoded(FIELDS)),
        (None, urlencoded(FIELDS)),
    ],
)
async def test_texts(content_type: str | None, body: bytes) -> None:
    async with fields_of(content_type, [body]) as fields:
        assert pairs(fields) == FIELDS


@pytest.mark.parametrize(
    "content_type", [JSON, "application/json; charset=utf-8", URLENCODED, None]
)
async def test_json_also_under_another_name(content_type: str | None) -> None:
    body = b' \r\n {"model": "m", "stream": true, "temperature": 0.5, "x": null, "c": ["a"]}'
    async with fields_of(content_type, [body]) as fields:
        assert pairs(fields) == [
            ("model", "m"),
            ("stream", True),
            ("temperature", 0.5),
            ("x", None),
            ("c", ["a"]),
        ]


async def test_white_space_in_front_may_come_alone() -> None:
    async with fields_of(URLENCODED, [b" ", b"\n", b'{"model":"m"}']) as fields:
        assert pairs(fields) == [("model", "m")]


@pytest.mark.parametrize("is_first", [True, False])
async def test_an_upload_before_or_after_the_other_fields(is_first: bool) -> None:
    content = bytes(range(256)) * 100
    upload, model = part("file", content, file_name="a.wav"), part("model", b"m")
    body = multipart([upload, model] if is_first else [model, upload])
    async with fields_of(MULTIPART, [body]) as fields:
        by_name = {field.name: field.value for field in fields}
        assert by_name["model"] == "m"
        assert isinstance(by_name["file"], Upload)
        path = by_name["file"].spool.path
        assert path.read_bytes() == content
    assert not path.exists()


async def test_nothing_is_left_when_a_body_fails(tmp_path: Path) -> None:
    body = part("file", b"x" * (3 << 20), file_name="a.wav")  # no closing boundary
    with pytest.raises(InvalidRequest, match="closing boundary"):
        async with fields_of(MULTIPART, [body, b""], BodyLimits(4 << 20, folder=tmp_path)):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("size", "fits"), [(LIMIT, True), (LIMIT + 1, False)])
async def test_upload_bytes_are_bounded(size: int, fits: bool, tmp_path: Path) -> None:
    body = multipart([part("file", b"x" * size, file_name="a"), part("model", b"m")])
    context = fields_of(MULTIPART, [body], BodyLimits(LIMIT, folder=tmp_path))
    if fits:
        async with context as fields:
            assert len(fields) == 2
    else:
        with pytest.raises(TooLarge, match=f"limit of {LIMIT} bytes"):
            await context.__aenter__()
    assert list(tmp_path.iterdir()) == []


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    limits = BodyLimits(LIMIT)
    length = {"content-length": str(limits.max_body_bytes + 1)}
    with pytest.raises(TooLarge, match=str(LIMIT)):
        await fields_of(MULTIPART, [b""], limits, length).__aenter__()


async def test_the_whole_body_is_bounded() -> None:
    limits = BodyLimits(LIMIT)
    preamble = b"x" * 65536
    pieces = [preamble] * (limits.max_body_bytes // len(preamble) + 1)
    with pytest.raises((TooLarge, InvalidRequest)):
        await fields_of(MULTIPART, pieces, limits).__aenter__()


KINDS = ["multipart", "urlencoded"]


def body_of(kind: str, fields: list[tuple[str, str]]) -> tuple[str, bytes]:
    if kind == "multipart":
        return MULTIPART, multipart_texts(fields)
    return URLENCODED, urlencoded(fields)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("extra", "fits"), [(0, True), (1, False)])
async def test_field_bytes_are_bounded(kind: str, extra: int, fits: bool) -> None:
    content_type, body = body_of(kind, [("language", "x" * (MAX_FIELD_BYTES + extra))])
    context = fields_of(content_type, [body])
    if fits:
        async with context as fields:
            assert len(fields[0].value) == MAX_FIELD_BYTES
    else:
        with pytest.raises(TooLarge, match="language") as caught:
            await context.__aenter__()
        assert caught.value.param == "language"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("extra", "fits"), [(0, True), (1, False)])
async def test_fields_are_counted(kind: str, extra: int, fits: bool) -> None:
    content_type, body = body_of(kind, [("a", "b")] * (MAX_FIELDS + extra))
    context = fields_of(content_type, [body])
    if fits:
        async with context as fields:
            assert len(fields) == MAX_FIELDS
    else:
        with pytest.raises(TooLarge, match=str(MAX_FIELDS)):
            await context.__aenter__()


async def test_json_members_are_counted() -> None:
    body = json_body({f"a{i}": 1 for i in range(MAX_FIELDS + 1)})
    with pytest.raises(TooLarge, match=str(MAX_FIELDS)):
        await fields_of(JSON, [body]).__aenter__()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("extra", "fits"), [(0, True), (1, False)])
async def test_field_names_are_bounded(kind: str, extra: int, fits: bool) -> None:
    content_type, body = body_of(kind, [("n" * (MAX_NAME_BYTES + extra), "v")])
    context = fields_of(content_type, [body])
    if fits:
        async with context as fields:
            assert len(fields[0].name) == MAX_NAME_BYTES
    else:
        with pytest.raises(TooLarge, match="name"):
            await context.__aenter__()


@pytest.mark.parametrize(("extra", "fits"), [(0, True), (1, False)])
async def test_file_names_are_bounded(extra: int, fits: bool) -> None:
    name = "n" * (MAX_FILE_NAME_BYTES + extra)
    context = fields_of(MULTIPART, [multipart([part("file", b"x", file_name=name)])])
    if fits:
        async with context as fields:
            assert fields[0].value.has_name
    else:
        with pytest.raises(TooLarge, match="file's name"):
            await context.__aenter__()


async def test_part_headers_are_bounded() -> None:
    body = (
        f"--{BOUNDARY}\r\nX-Long: {'x' * MAX_HEADER_BYTES}\r\n"
        'Content-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    ).encode()
    with pytest.raises(InvalidRequest, match="header size"):
        await fields_of(MULTIPART, [body]).__aenter__()


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("multipart/form-data", b"--x", "no boundary"),
        ("multipart/form-data; boundary=" + "b" * 1000, b"--x", "oundary"),
        (MULTIPART, b"", "closing boundary"),
        (MULTIPART, b"nonsense", "malformed"),
        (MULTIPART, multipart([b"--" + BOUNDARY.encode() + b"\r\n\r\nx\r\n"]), "no name"),
        (JSON, b"", "malformed"),
        (JSON, b"[1]", "not an object"),
        (JSON, b'"text"', "not an object"),
        (JSON, b'{"a": "b', "within a string"),
        (JSON, b'{"a": 1', "malformed"),
        (JSON, b'{"a": NaN}', "NaN"),
        (JSON, b"\xff\xfe{\x00}\x00", "malformed"),
        (JSON, b'{"a": ' + b"[" * 100_000, "malformed"),
        (JSON, b'{"a": ' + b"9" * 5000 + b"}", "malformed"),
        ("text/plain", b"model=m", "content type"),
        ("audio/wav", b"RIFF", "content type"),
    ],
)
async def test_broken_bodies_are_wrong_requests(
    content_type: str, body: bytes, reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        await fields_of(content_type, [body]).__aenter__()


async def test_an_empty_form_has_no_fields() -> None:
    async with fields_of(URLENCODED, [b""]) as fields:
        assert fields == []
    async with fields_of(URLENCODED, [b"&&a&"]) as fields:
        assert pairs(fields) == [("a", "")]


async def test_a_form_that_is_no_utf8_is_read_all_the_same() -> None:
    async with fields_of(URLENCODED, [b"model=%ff\xff"]) as fields:
        assert fields[0].value == "\ufffd\ufffd"


RECORDING = bytes(range(256)) * 600
URI = "data:audio/wav;base64," + base64.b64encode(RECORDING).decode()


def long_bodies() -> list[tuple[str, bytes]]:
    escaped = json.dumps({"file_url": URI}).replace("/", "\\/").replace("+", "\\u002B")
    return [
        (MULTIPART, multipart_texts([("file_url", URI)])),
        (URLENCODED, urlencoded([("file_url", URI)])),
        (JSON, json_body({"file_url": URI})),
        (JSON, escaped.encode()),
        (URLENCODED, escaped.encode()),
    ]


@pytest.mark.parametrize(("content_type", "body"), long_bodies())
@pytest.mark.parametrize("size", [1 << 20, 4099])
async def test_a_long_data_uri_goes_to_disk(
    content_type: str, body: bytes, size: int, tmp_path: Path
) -> None:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    async with fields_of(content_type, pieces, BodyLimits(1 << 20, folder=tmp_path)) as fields:
        (field,) = fields
        assert isinstance(field.value, LongText)
        assert field.value.begins_with("data:")
        assert not field.value.begins_with("http:")
        assert b"".join(field.value.chunks()).decode() == URI
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content_type", "body"), long_bodies())
async def test_a_long_data_uri_is_bounded(content_type: str, body: bytes) -> None:
    limits = BodyLimits(len(RECORDING) // 4)
    with pytest.raises(TooLarge):
        await fields_of(content_type, [body], limits).__aenter__()


async def test_a_long_speaker_reference_goes_to_disk() -> None:
    body = json_body({"speaker_references": {"ana": URI}})
    async with fields_of(JSON, [body]) as fields:
        reference = fields[0].value["ana"]
        assert isinstance(reference, LongText)


async def test_a_long_text_elsewhere_in_json_is_over_the_limit() -> None:
    with pytest.raises(TooLarge, match="language"):
        await fields_of(JSON, [json_body({"language": URI})]).__aenter__()


async def test_json_without_its_long_strings_is_bounded() -> None:
    body = b'{"a": [' + b"1," * (MAX_OUTLINE_BYTES // 2) + b"1]}"
    with pytest.raises(TooLarge, match=str(MAX_OUTLINE_BYTES)):
        await fields_of(JSON, [body], BodyLimits(4 << 20)).__aenter__()


async def test_a_silent_client_is_not_waited_for() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(DeadlineExceeded, match="no more of the body"):
        await read_fields(Headers(), receive, BodyLimits(1, idle_s=0.05)).__aenter__()


async def test_a_client_that_leaves_within_its_body() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"model=", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    with pytest.raises(ClientLeft):
        await read_fields(Headers(), receive, BodyLimits(1)).__aenter__()
