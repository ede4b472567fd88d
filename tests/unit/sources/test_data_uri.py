"""data: URIs."""

import base64
from collections.abc import Iterator
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.errors import InvalidRequest
from auricle.sources.data_uri import decode_data_uri, is_data_uri

BYTES = bytes(range(256))


def decoded(uri: str, size: int = 1 << 20) -> bytes:
    data = uri.encode()
    return b"".join(decode_data_uri(data[i : i + size] for i in range(0, len(data), size)))


@pytest.mark.parametrize(
    "uri",
    [
        "data:audio/wav;base64," + base64.b64encode(BYTES).decode(),
        "data:;base64," + base64.urlsafe_b64encode(BYTES).decode(),
        "DATA:audio/ogg;codecs=opus;BASE64," + base64.b64encode(BYTES).decode(),
        "data:base64;base64," + base64.b64encode(BYTES).decode().rstrip("="),
        "data:audio/wav;base64," + quote(base64.b64encode(BYTES).decode(), safe=""),
        "data:audio/wav;base64," + base64.b64encode(BYTES).decode().replace("+", " "),
        "data:audio/wav;base64," + base64.encodebytes(BYTES).decode(),
        "data:," + quote_from_bytes(BYTES),
        "data:application/octet-stream," + quote_from_bytes(BYTES, safe=""),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_spellings(uri: str, size: int) -> None:
    assert decoded(uri, size) == BYTES


def test_empty() -> None:
    assert decoded("data:,") == b""
    assert decoded("data:audio/wav;base64,") == b""


@pytest.mark.parametrize(
    "uri",
    [
        "data:",
        "data:audio/wav;base64",
        "data:audio/wav;base64,a",
        "data:audio/wav;base64,ab!d",
        "data:audio/wav;base64,abcde",
        "data:audio/wav;base64,ab==cd==",
        "data:" + "x" * 2000 + ",",
        "data:" + "x" * 200_000,
    ],
)
@pytest.mark.parametrize("size", [100, 1 << 20])
def test_damaged(uri: str, size: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decoded(uri, size)
    assert caught.value.param == "file_url"


def test_stops_at_a_head_that_does_not_end() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 600

    with pytest.raises(InvalidRequest):
        list(decode_data_uri(endless()))
    assert taken < 5


def test_is_data_uri() -> None:
    assert is_data_uri("Data:,x")
    assert not is_data_uri("http://data:/")


@given(content=st.binary(max_size=300), sizes=st.lists(st.integers(1, 50), max_size=20))
def test_any_partition_of_the_text_gives_the_bytes(content: bytes, sizes: list[int]) -> None:
    for uri in (
        b"data:;base64," + base64.b64encode(content),
        b"data:," + quote_from_bytes(content).encode(),
    ):
        pieces, at = [], 0
        for size in sizes:
            pieces.append(uri[at : at + size])
            at += size
        assert b"".join(decode_data_uri([*pieces, uri[at:]])) == content
