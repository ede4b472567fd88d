"""Reference clips of known speakers, wherever they come from, as files."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

from pydantic_core import PydanticCustomError

from auricle.errors import InvalidRequest, NotSupported, TooLarge
from auricle.pipeline.options import SpeakerReference
from auricle.server.wire.field_reader import LongText
from auricle.server.wire.transcription_request import (
    MAX_SPEAKER_REFERENCES,
    check_speaker_references,
)
from auricle.sources.data_uri import decode_data_uri, is_data_uri
from auricle.sources.spool import Spool
from auricle.sources.url import Fetcher

FIELD = "speaker_references"
MAX_CLIP_BYTES = 8 << 20
"""A clip, decoded: 15 s of stereo at 96 kHz and 24 bits."""
MAX_TEXT_BYTES = MAX_SPEAKER_REFERENCES * MAX_CLIP_BYTES * 4 // 3
"""The field itself: base64 of so many clips."""
HEAD_BYTES = 64
_URL = re.compile(r"https?://", re.IGNORECASE)
_AS_DATA_URI = b"data:;base64,"


@asynccontextmanager
async def reference_files(
    given: Mapping[str, str | LongText] | LongText | None, fetcher: Fetcher, folder: Path | None
) -> AsyncIterator[tuple[SpeakerReference, ...]]:
    """The clips, each in a file that is there inside the `with`.

    Raises:
        InvalidRequest: the field is no object of names and texts, a text is damaged, or a URL
            must not be fetched.
        NotSupported: a text is the id of a file.
        TooLarge: a clip is over its bound.
    """
    if isinstance(given, LongText):
        given = await asyncio.to_thread(_parsed, given)
    async with AsyncExitStack() as stack:
        references = []
        for name, text in (given or {}).items():
            what = f"the reference of speaker {name!r}"
            spool = await stack.enter_async_context(Spool(MAX_CLIP_BYTES, what=what, folder=folder))
            await _store(text, spool, fetcher, what)
            references.append(SpeakerReference(name, spool.path))
        yield tuple(references)


def _parsed(long_text: LongText) -> Mapping[str, str | LongText]:
    """A field that was too long for memory while the body was read; blocks."""
    text = bytearray()
    for piece in long_text.chunks():
        text += piece
        if len(text) > MAX_TEXT_BYTES:
            raise TooLarge(f"{FIELD} is over the limit of {MAX_TEXT_BYTES} bytes", param=FIELD)
    try:
        checked = check_speaker_references(text.decode("utf-8", "replace"))
    except PydanticCustomError as error:
        raise InvalidRequest(f"{FIELD}: {error.message()}", param=FIELD) from error
    assert not isinstance(checked, LongText)  # noqa: S101 (given a text)
    return checked


async def _store(text: str | LongText, spool: Spool, fetcher: Fetcher, what: str) -> None:
    head = text if isinstance(text, str) else await asyncio.to_thread(_head, text)
    if _URL.match(head) and isinstance(text, str):
        await fetcher.fetch(text, spool)
    elif _is_file_id(head):
        raise NotSupported(f"{what} is the id of a file: files are not available yet", param=FIELD)
    else:
        await asyncio.to_thread(_decode, text, spool, what, is_uri=is_data_uri(head))


def _head(long_text: LongText) -> str:
    return next(iter(long_text.chunks()), b"")[:HEAD_BYTES].decode("utf-8", "replace")


def _is_file_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _decode(text: str | LongText, spool: Spool, what: str, *, is_uri: bool) -> None:
    """A data URI, or plain base64, to bytes; blocks."""
    chunks: Iterable[bytes] = text.chunks() if isinstance(text, LongText) else [text.encode()]
    try:
        for piece in decode_data_uri(chunks if is_uri else _as_uri(chunks)):
            spool.write(piece)
    except TooLarge:
        raise
    except (ValueError, InvalidRequest) as error:
        raise InvalidRequest(
            f"{what} is no URL, no data: URI and no base64", param=FIELD
        ) from error
    spool.write(b"")


def _as_uri(chunks: Iterable[bytes]) -> Iterator[bytes]:
    yield _AS_DATA_URI
    yield from chunks
