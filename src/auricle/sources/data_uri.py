"""`data:` URIs: a recording inside a text."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from auricle.errors import InvalidRequest

MAX_HEAD_BYTES = 1024
"""Bytes before the comma: media type and parameters."""
_BASE64_URL = bytes.maketrans(b"-_ ", b"+/+")
# A space was a `+` before somebody took the text for a form's.
_WHITESPACE = b"\r\n\t"


def is_data_uri(url: str) -> bool:
    """Whether the text is a `data:` URI."""
    return url[:5].lower() == "data:"


def decode_data_uri(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes a URI stands for, in pieces, for a URI that comes in pieces.

    Raises:
        InvalidRequest: it is no `data:` URI, or its base64 is damaged.
    """
    pieces = iter(chunks)
    head = b""
    while b"," not in head:
        piece = next(pieces, None)
        if piece is None or len(head) > MAX_HEAD_BYTES:
            raise InvalidRequest("file_url is a data: URI without a comma", param="file_url")
        head += piece
    media, _, first = head.partition(b",")
    if len(media) > MAX_HEAD_BYTES:
        raise InvalidRequest(
            f"the head of a data: URI is limited to {MAX_HEAD_BYTES} bytes", param="file_url"
        )
    if media.rstrip().lower().endswith(b";base64"):
        yield from _decode_base64(first, pieces)
    else:
        yield from _decode_percent(first, pieces)


def _decode_base64(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    is_padded = False
    for piece in _joined(first, pieces):
        text = _unescaped(piece).translate(_BASE64_URL, _WHITESPACE)
        new = text.rstrip(b"=")
        if b"=" in new or (is_padded and new):
            raise _damaged()
        is_padded = is_padded or len(new) < len(text)
        digits = rest + new
        whole = len(digits) // 4 * 4
        rest = digits[whole:]
        yield _digits(digits[:whole])
    if rest:
        yield _digits(rest + b"=" * (-len(rest) % 4))


def _digits(digits: bytes) -> bytes:
    try:
        return base64.b64decode(digits, validate=True)
    except binascii.Error as error:
        raise _damaged() from error


def _damaged() -> InvalidRequest:
    return InvalidRequest("file_url holds damaged base64", param="file_url")


def _unescaped(piece: bytes) -> bytes:
    return unquote_to_bytes(piece) if b"%" in piece else piece


def _decode_percent(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in _joined(first, pieces):
        yield unquote_to_bytes(piece)


def _joined(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces cut so that no percent escape is divided."""
    rest = b""
    for piece in (p for source in ([first], pieces) for p in source):
        data = rest + piece
        at = data.find(b"%", max(0, len(data) - 2))
        cut = len(data) if at < 0 else at
        rest = data[cut:]
        if cut:
            yield data[:cut]
    if rest:
        yield rest
