"""Bodies of every kind, written by hand, and read with the server's readers."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.types import Message

from auricle.server.wire.body import BodyLimits, read_fields
from auricle.server.wire.field_reader import RawField

BOUNDARY = "b0undary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
URLENCODED = "application/x-www-form-urlencoded"
JSON = "application/json"


def part(name: str, value: bytes, *, file_name: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"'
    if file_name is not None:
        disposition += f'; filename="{file_name}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + value + b"\r\n"


def multipart(parts: Iterable[bytes]) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def multipart_texts(fields: Sequence[tuple[str, str]]) -> bytes:
    return multipart(part(name, value.encode()) for name, value in fields)


def urlencoded(fields: Sequence[tuple[str, str]]) -> bytes:
    return urlencode(fields).encode()


def json_body(value: Any) -> bytes:
    return json.dumps(value).encode()


def split(body: bytes, sizes: Iterable[int]) -> list[bytes]:
    """The body in pieces of these sizes, the rest as one."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(body[at : at + size])
        at += size
    return [*pieces, body[at:]]


@asynccontextmanager
async def fields_of(
    content_type: str | None,
    pieces: Sequence[bytes],
    limits: BodyLimits | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[list[RawField]]:
    messages = [
        {"type": "http.request", "body": piece, "more_body": i < len(pieces) - 1}
        for i, piece in enumerate(pieces)
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    named = {"content-type": content_type} if content_type is not None else {}
    async with read_fields(
        Headers({**named, **(headers or {})}), receive, limits or BodyLimits(1 << 20)
    ) as fields:
        yield fields
