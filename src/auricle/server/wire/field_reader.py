"""What all body readers have in common: fields, their bounds, and values too long for memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import unquote_to_bytes

from auricle.errors import TooLarge
from auricle.sources.spool import Spool

MAX_FIELD_BYTES = 64 << 10
"""Bytes of a field that stay in memory; beyond it only long fields go on, to disk."""
MAX_FIELDS = 256
MAX_NAME_BYTES = 256
"""Bytes of a field's name."""
LONG_FIELDS = frozenset({"file_url", "speaker_references"})
"""Fields that may hold whole recordings as text."""

_CHUNK_BYTES = 1 << 20
Encoding = Literal["plain", "json", "percent"]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file part; its bytes are in the spool. The client's file name is only for bounds."""

    spool: Spool
    has_name: bool


@dataclass(frozen=True, slots=True)
class LongText:
    """A text on disk, as it was written in the body: plain, as a JSON string, or percent-coded."""

    spool: Spool
    encoding: Encoding = "plain"

    def chunks(self) -> Iterator[bytes]:
        """The decoded text in pieces; blocks, so for threads only.

        Raises:
            ValueError: the text is not what its encoding says.
        """
        return _decoded(self.spool.path, self.encoding)

    def begins_with(self, prefix: str) -> bool:
        """Whether the decoded text begins so, upper and lower case being equal."""
        try:
            head = next(self.chunks(), b"")
        except ValueError:
            return False
        return head[: len(prefix)].lower() == prefix.encode()


def _decoded(path: Path, encoding: Encoding) -> Iterator[bytes]:
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            whole, rest = _cut(rest + chunk, encoding)
            yield _decode(whole, encoding)
    if rest:
        yield _decode(rest, encoding)


def _cut(data: bytes, encoding: Encoding) -> tuple[bytes, bytes]:
    """Split so that no escape is divided."""
    if encoding == "plain":
        return data, b""
    mark, length = (b"\\", 6) if encoding == "json" else (b"%", 3)
    tail = len(data) - length + 1
    at = data.find(mark, max(0, tail))
    if at < 0:
        return data, b""
    if encoding == "json":  # in a run of backslashes every second one begins an escape
        at -= (at - len(data[:at].rstrip(b"\\"))) % 2
    return data[:at], data[at:]


def _decode(data: bytes, encoding: Encoding) -> bytes:
    if encoding == "json":
        text: str = json.loads(b'"' + data + b'"')
        return text.encode("utf-8", "surrogatepass")
    return unquote_to_bytes(data.replace(b"+", b" ")) if encoding == "percent" else data


@dataclass(frozen=True, slots=True)
class RawField:
    """A field as it came: text, a long text, an upload, or (from JSON) any JSON value."""

    name: str
    value: Any


class FieldReader(Protocol):
    """Takes a body piece by piece; owns the spools it makes until its caller removes them."""

    spools: list[Spool]

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            InvalidRequest: the body breaks its format.
            TooLarge: a bound was reached.
        """
        ...

    def finish(self) -> list[RawField]:
        """The fields, in their order.

        Raises:
            InvalidRequest: the body ended too early.
        """
        ...


class FieldValue:
    """Collects the bytes of one value, in memory first, on disk when it grows.

    Args:
        spools: where a spool is noted when one is made.
        max_bytes: the bound of a value on disk.
        may_be_long: whether the value may outgrow memory; else that is `TooLarge`.
    """

    def __init__(
        self,
        name: str,
        spools: list[Spool],
        *,
        max_bytes: int,
        folder: Path | None,
        may_be_long: bool,
    ) -> None:
        self._name = name
        self._spools = spools
        self._max_bytes = max_bytes
        self._folder = folder
        self._may_be_long = may_be_long
        self._memory = bytearray()
        self._spool: Spool | None = None

    def append(self, data: bytes) -> None:
        """Take more of the value.

        Raises:
            TooLarge: the value is over its bound.
        """
        if self._spool is None and len(self._memory) + len(data) <= MAX_FIELD_BYTES:
            self._memory += data
            return
        self.to_disk().append(data)

    def to_disk(self) -> Spool:
        """Go on in a file, whatever the size."""
        if self._spool is None:
            if not self._may_be_long:
                raise TooLarge(
                    f"field {self._name} is over the limit of {MAX_FIELD_BYTES} bytes",
                    param=self._name,
                )
            self._spool = Spool(self._max_bytes, what=f"field {self._name}", folder=self._folder)
            self._spools.append(self._spool)
            self._spool.append(bytes(self._memory))
            self._memory = bytearray()
        return self._spool

    @property
    def spool(self) -> Spool | None:
        """The file, if it came to that."""
        return self._spool

    @property
    def memory(self) -> bytes:
        """The value as long as it is in memory."""
        return bytes(self._memory)


def check_count(n_fields: int) -> None:
    """Bound the number of fields.

    Raises:
        TooLarge: there are more than `MAX_FIELDS`.
    """
    if n_fields > MAX_FIELDS:
        raise TooLarge(f"the body has more than the limit of {MAX_FIELDS} fields")
