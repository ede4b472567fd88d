"""application/json, read as it arrives: strings too long for memory go to disk."""

import json
import re
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

from auricle.errors import InvalidRequest, TooLarge
from auricle.server.wire.field_reader import (
    LONG_FIELDS,
    MAX_FIELD_BYTES,
    FieldValue,
    LongText,
    RawField,
    check_count,
)
from auricle.sources.spool import Spool

MAX_OUTLINE_BYTES = 1 << 20
"""Bytes of the whole text without its long strings."""

_STRING_PART = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)


class JsonReader:
    """A `FieldReader` for one JSON object.

    The text is copied to an outline in which a mark stands for every long string; the outline
    is parsed when it is complete.

    Args:
        max_long_bytes: the bound of a long string as written.
        folder: where long strings are kept.
    """

    def __init__(self, *, max_long_bytes: int, folder: Path | None) -> None:
        self.spools: list[Spool] = []
        self._max_long_bytes = max_long_bytes
        self._folder = folder
        self._outline = bytearray()
        self._string: FieldValue | None = None
        self._carry = b""
        self._long_texts: dict[str, LongText] = {}

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        data, self._carry = self._carry + chunk, b""
        at = 0
        while at < len(data):
            at = self._outside(data, at) if self._string is None else self._inside(data, at)

    def _outside(self, data: bytes, at: int) -> int:
        quote = data.find(b'"', at)
        end = len(data) if quote < 0 else quote
        self._add(data[at:end])
        if quote >= 0:
            self._string = FieldValue(
                "",
                self.spools,
                max_bytes=self._max_long_bytes,
                folder=self._folder,
                may_be_long=True,
            )
        return end + 1

    def _inside(self, data: bytes, at: int) -> int:
        match = _STRING_PART.match(data, at)
        end = match.end() if match else at
        if self._string is not None:
            self._string.append(data[at:end])
        if end == len(data):
            return end
        if data[end : end + 1] == b"\\":  # the other half of the escape is still to come
            self._carry = data[end:]
            return len(data)
        self._end_string()
        return end + 1

    def _end_string(self) -> None:
        string, self._string = self._string, None
        if string is None:
            return
        if string.spool is None:
            self._add(b'"' + string.memory + b'"')
        else:
            mark = uuid4().hex
            self._long_texts[mark] = LongText(string.spool, "json")
            self._add(f'"{mark}"'.encode())

    def _add(self, data: bytes) -> None:
        if len(self._outline) + len(data) > MAX_OUTLINE_BYTES:
            raise TooLarge(f"the JSON body is over the limit of {MAX_OUTLINE_BYTES} bytes")
        self._outline += data

    def finish(self) -> list[RawField]:
        """The members of the object, in their order."""
        if self._string is not None:
            raise InvalidRequest("the JSON body ends within a string")
        members = self._parse()
        check_count(len(members))
        return [RawField(name, self._restored(name, value)) for name, value in members]

    def _parse(self) -> list[tuple[str, Any]]:
        try:
            parsed = json.loads(
                self._outline.decode("utf-8-sig"),
                object_pairs_hook=_Members,
                parse_constant=_refuse_constant,
            )
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"the JSON body is malformed: {error}") from error
        if not isinstance(parsed, _Members):
            raise InvalidRequest("the JSON body is not an object")
        return list(parsed)

    def _restored(self, name: str, value: Any) -> Any:
        if isinstance(value, _Members):  # deeper than this no field has a long text
            return {key: self._long_text_or_same(name, each) for key, each in value}
        return self._long_text_or_same(name, value)

    def _long_text_or_same(self, name: str, value: Any) -> Any:
        if not isinstance(value, str) or value not in self._long_texts:
            return value
        if name not in LONG_FIELDS:
            raise TooLarge(f"field {name} is over the limit of {MAX_FIELD_BYTES} bytes", param=name)
        return self._long_texts[value]


class _Members(list[tuple[str, Any]]):
    """The members of an object: repeats are kept, as in the other bodies."""


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON"
    raise ValueError(msg)
