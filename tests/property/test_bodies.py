"""Bodies of requests: however they are cut, they mean the same; whatever they hold, they are
read or refused, never a fault.
"""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.errors import InvalidRequest
from auricle.server.status import encode_json, error_body
from auricle.server.wire.body import BodyLimits
from auricle.server.wire.field_reader import MAX_FIELD_BYTES, LongText, RawField, Upload
from auricle.server.wire.transcription_request import parse_request
from auricle.sources.spool import Spool
from unit.server.wire.body_kinds import (
    JSON,
    MULTIPART,
    URLENCODED,
    fields_of,
    json_body,
    multipart,
    multipart_texts,
    part,
    split,
    urlencoded,
)

MAX_EXAMPLES = 60
texts = st.text(st.characters(codec="utf-8"), max_size=30)
names = st.text(st.characters(codec="utf-8", exclude_characters='"\\\r\n;'), min_size=1, max_size=9)
form_names = names.filter(lambda name: name == name.strip() and name != "file")
pairs = st.lists(st.tuples(form_names, texts), max_size=6)
sizes = st.lists(st.integers(0, 40), max_size=30)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def read(content_type: str, pieces: Sequence[bytes]) -> list[tuple[str, Any]]:
    """Names and values, uploads and long texts as their bytes."""

    async def work() -> list[tuple[str, Any]]:
        async with fields_of(content_type, pieces, BodyLimits(1 << 20)) as fields:
            return [(field.name, content_of(field)) for field in fields]

    return asyncio.run(work())


def content_of(field: RawField) -> Any:
    if isinstance(field.value, Upload):
        return field.value.spool.path.read_bytes()
    if isinstance(field.value, LongText):
        return b"".join(field.value.chunks())
    return field.value


@settings(max_examples=MAX_EXAMPLES, deadline=None)
@given(fields=pairs, cuts=sizes)
def test_forms_mean_the_same_however_they_are_cut(
    fields: list[tuple[str, str]], cuts: list[int]
) -> None:
    assert read(URLENCODED, split(urlencoded(fields), cuts)) == fields
    assert read(MULTIPART, split(multipart_texts(fields), cuts)) == fields


@settings(max_examples=MAX_EXAMPLES, deadline=None)
@given(content=st.binary(max_size=2000), cuts=sizes, is_first=st.booleans())
def test_uploads_arrive_unharmed_however_they_are_cut(
    content: bytes, cuts: list[int], is_first: bool
) -> None:
    parts = [part("file", content, file_name="a"), part("model", b"m")]
    body = multipart(parts if is_first else reversed(parts))
    assert dict(read(MULTIPART, split(body, cuts))) == {"file": content, "model": "m"}


@settings(max_examples=MAX_EXAMPLES, deadline=None)
@given(
    members=st.dictionaries(texts, values, max_size=5),
    cuts=sizes,
    is_ascii=st.booleans(),
)
def test_json_means_the_same_however_it_is_cut(
    members: dict[str, Any], cuts: list[int], *, is_ascii: bool
) -> None:
    body = json.dumps(members, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    try:
        expected = json.loads(body.decode())
    except UnicodeDecodeError:  # a lone surrogate, written as it is
        return
    found = read(JSON, split(body, cuts))
    assert dict(found) == {
        k: v if not is_nested(v) else dict(found)[k] for k, v in expected.items()
    }
    assert [name for name, _ in found] == list(expected)


def is_nested(value: Any) -> bool:
    """Objects within objects are of no use in any field; they need not come back as they were."""
    inside = value if isinstance(value, list) else value.values() if isinstance(value, dict) else []
    return any(isinstance(each, dict | list) for each in inside)


long_contents = st.text(
    st.sampled_from('aA/+=%\\"\n\u00e4\u4e2d') | st.characters(codec="utf-8"), max_size=40
).map(lambda text: text * (MAX_FIELD_BYTES // max(1, len(text.encode())) + 1))


@settings(max_examples=20, deadline=None)
@given(content=long_contents.filter(bool), size=st.integers(1000, 100_000), is_ascii=st.booleans())
def test_long_texts_mean_the_same_in_every_kind_of_body(
    content: str, size: int, *, is_ascii: bool
) -> None:
    as_json = json.dumps({"file_url": content}, ensure_ascii=is_ascii).encode()
    bodies = [
        (JSON, as_json),
        (URLENCODED, urlencoded([("file_url", content)])),
        (MULTIPART, multipart_texts([("file_url", content)])),
    ]
    for kind, body in bodies:
        cuts = [size] * (len(body) // size)
        ((name, found),) = read(kind, split(body, cuts))
        assert name == "file_url"
        assert (found if isinstance(found, bytes) else found.encode()) == content.encode()


@st.composite
def damaged_bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    kind, body = draw(
        st.sampled_from(
            [
                (MULTIPART, multipart([part("file", b"x" * 50, file_name="a"), part("m", b"v")])),
                (URLENCODED, b"model=m&file_url=http%3A%2F%2Fa&context_bias=a&context_bias=b"),
                (JSON, json_body({"model": "m", "file_url": "data:,x", "context_bias": ["a"]})),
            ]
        )
    )
    damaged = bytearray(body)
    for at, value in draw(st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)))):
        damaged[at] = value
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, len(body)))
    del damaged[start:end]
    return kind, bytes(damaged) + draw(st.binary(max_size=10))


@settings(max_examples=4 * MAX_EXAMPLES, deadline=None)
@given(
    kind_and_body=damaged_bodies()
    | st.tuples(st.sampled_from([MULTIPART, URLENCODED, JSON]), st.binary(max_size=200)),
    cuts=sizes,
)
def test_damaged_bodies_are_read_or_refused(
    kind_and_body: tuple[str, bytes], cuts: list[int]
) -> None:
    kind, body = kind_and_body

    async def work() -> None:
        async with fields_of(kind, split(body, cuts)) as fields:
            parse_request(fields)

    try:
        asyncio.run(work())
    except InvalidRequest as error:
        encode_json(error_body(error))


@settings(max_examples=4 * MAX_EXAMPLES, deadline=None)
@given(
    fields=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "model",
                    "file",
                    "file_url",
                    "file_id",
                    "language",
                    "temperature",
                    "stream",
                    "diarize",
                    "context_bias",
                    "speaker_references",
                    "timestamp_granularities[]",
                    "response_format",
                ]
            )
            | st.text(max_size=9),
            values | st.sampled_from(["true", '"x"', "[]", "{}", "en", "http://a", "data:,"]),
        ),
        max_size=6,
    ),
    agent=st.text(max_size=9),
)
def test_any_values_make_a_request_or_a_refusal(fields: list[tuple[str, Any]], agent: str) -> None:
    try:
        request = parse_request([RawField(name, value) for name, value in fields], agent)
    except InvalidRequest as error:
        encode_json(error_body(error))
    else:
        request.options()


@settings(max_examples=MAX_EXAMPLES, deadline=None)
@given(data=st.binary(max_size=300))
def test_a_long_text_that_is_no_json_is_a_value_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(1 << 20, folder=Path(folder))
        spool.write(data)
        for encoding in ("plain", "json", "percent"):
            text = LongText(spool, encoding)
            text.begins_with("data:")
            try:
                b"".join(text.chunks())
            except ValueError:
                assert encoding == "json"
        asyncio.run(spool.remove())
