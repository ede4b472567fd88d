"""application/x-www-form-urlencoded, read as it arrives."""

from pathlib import Path
from urllib.parse import unquote_plus

from auricle.errors import TooLarge
from auricle.server.wire.field_reader import (
    LONG_FIELDS,
    MAX_NAME_BYTES,
    FieldValue,
    LongText,
    RawField,
    check_count,
)
from auricle.sources.spool import Spool


class UrlencodedReader:
    """A `FieldReader` for `name=value&…`.

    Args:
        max_long_bytes: the bound of a long field as written.
        folder: where long fields are kept.
    """

    def __init__(self, *, max_long_bytes: int, folder: Path | None) -> None:
        self.spools: list[Spool] = []
        self._max_long_bytes = max_long_bytes
        self._folder = folder
        self._fields: list[RawField] = []
        self._n_pairs = 1
        self._name = bytearray()
        self._value: FieldValue | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        first, *others = chunk.split(b"&")
        self._take(first)
        for piece in others:
            self._end_pair()
            self._n_pairs += 1
            check_count(self._n_pairs)
            self._take(piece)

    def finish(self) -> list[RawField]:
        """The fields, in their order."""
        self._end_pair()
        return self._fields

    def _take(self, data: bytes) -> None:
        if self._value is None:
            name, separator, data = data.partition(b"=")
            self._name += name.strip() if not self._name else name
            if len(self._name) > MAX_NAME_BYTES:
                raise TooLarge(f"a field's name is over the limit of {MAX_NAME_BYTES} bytes")
            if not separator:
                return
            self._value = self._new_value(_text(bytes(self._name)))
        self._value.append(data)

    def _new_value(self, name: str) -> FieldValue:
        return FieldValue(
            name,
            self.spools,
            max_bytes=self._max_long_bytes,
            folder=self._folder,
            may_be_long=name in LONG_FIELDS,
        )

    def _end_pair(self) -> None:
        name, value = _text(bytes(self._name)), self._value
        self._name.clear()
        self._value = None
        if value is None:
            if name:
                self._fields.append(RawField(name, ""))
        elif value.spool is not None:
            self._fields.append(RawField(name, LongText(value.spool, "percent")))
        else:
            self._fields.append(RawField(name, _text(value.memory)))


def _text(data: bytes) -> str:
    return unquote_plus(data.decode("utf-8", "replace"), errors="replace")
