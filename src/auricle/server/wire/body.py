"""The body of a request as fields, whichever of the four kinds it is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import Receive

from auricle.errors import DeadlineExceeded, InvalidRequest, TooLarge
from auricle.server.feed import ClientLeft
from auricle.server.wire.field_reader import FieldReader, RawField
from auricle.server.wire.json_body import MAX_OUTLINE_BYTES, JsonReader
from auricle.server.wire.multipart import MultipartReader
from auricle.server.wire.urlencoded import UrlencodedReader
from auricle.sources.spool import remove_all

_WHITESPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bounds of a body: bytes of the recording, seconds of silence between two pieces."""

    max_upload_bytes: int
    idle_s: float = 30.0
    folder: Path | None = None

    @property
    def max_long_bytes(self) -> int:
        """A recording as text: base64 adds a third, escapes some more."""
        return self.max_upload_bytes * 3 // 2 + 1024

    @property
    def max_body_bytes(self) -> int:
        """The whole body in any form."""
        return self.max_long_bytes + MAX_OUTLINE_BYTES


@asynccontextmanager
async def read_fields(
    headers: Headers, receive: Receive, limits: BodyLimits
) -> AsyncIterator[list[RawField]]:
    """Read a body to its end; the files behind its values live as long as the context.

    Raises:
        InvalidRequest: the body breaks its format.
        TooLarge: a bound was reached.
        DeadlineExceeded: the client stopped sending.
        ClientLeft: the client is gone.
    """
    _check_length(headers, limits)
    async with aclosing(_chunks(receive, limits)) as chunks:
        first = await _first_text(chunks)
        reader = _reader(headers, first, limits)
        try:
            reader.feed(first)
            async for chunk in chunks:
                for spool in reader.spools:
                    await spool.settle()
                reader.feed(chunk)
            fields = reader.finish()
            for spool in reader.spools:
                await spool.flush()
            yield fields
        finally:
            await remove_all(reader.spools)


def announced_bytes(headers: Headers) -> int:
    """The length of the body as its client announces it; 0 if it does not."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _check_length(headers: Headers, limits: BodyLimits) -> None:
    if announced_bytes(headers) > limits.max_body_bytes:
        raise _too_large(limits)


def _too_large(limits: BodyLimits) -> TooLarge:
    return TooLarge(f"the recording is over the limit of {limits.max_upload_bytes} bytes")


async def _chunks(receive: Receive, limits: BodyLimits) -> AsyncGenerator[bytes, None]:
    n_bytes = 0
    more = True
    while more:
        timer = asyncio.timeout(limits.idle_s)
        try:
            async with timer:
                message = await receive()
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise DeadlineExceeded(
                f"no more of the body arrived for {limits.idle_s:g} s"
            ) from error
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        n_bytes += len(chunk)
        if n_bytes > limits.max_body_bytes:
            raise _too_large(limits)
        if chunk:
            yield chunk


async def _first_text(chunks: AsyncIterator[bytes]) -> bytes:
    """The beginning of the body, at least its first byte that is no white space."""
    first = b""
    async for chunk in chunks:
        first += chunk
        if first.strip(_WHITESPACE) or len(first) > MAX_OUTLINE_BYTES:
            break
    return first


def _reader(headers: Headers, first: bytes, limits: BodyLimits) -> FieldReader:
    content_type, options = parse_options_header(headers.get("content-type"))
    is_object = first.lstrip(_WHITESPACE).startswith(b"{")
    if content_type == b"multipart/form-data":
        if b"boundary" not in options:
            raise InvalidRequest("the content type multipart/form-data has no boundary")
        return MultipartReader(
            options[b"boundary"],
            max_upload_bytes=limits.max_upload_bytes,
            folder=limits.folder,
        )
    # `curl -d '{…}'` calls its JSON urlencoded, and some clients call it nothing at all.
    form_type = content_type in {b"application/x-www-form-urlencoded", b""}
    if content_type == b"application/json" or (form_type and is_object):
        return JsonReader(max_long_bytes=limits.max_long_bytes, folder=limits.folder)
    if form_type:
        return UrlencodedReader(max_long_bytes=limits.max_long_bytes, folder=limits.folder)
    raise InvalidRequest(
        "the content type must be multipart/form-data, application/x-www-form-urlencoded or "
        "application/json"
    )
