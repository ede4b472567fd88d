"""multipart/form-data, read as it arrives: uploads go to disk, fields stay within bounds."""

import logging
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from auricle.errors import InvalidRequest, TooLarge
from auricle.server.wire.field_reader import (
    LONG_FIELDS,
    MAX_NAME_BYTES,
    FieldValue,
    LongText,
    RawField,
    Upload,
    check_count,
)
from auricle.sources.spool import Spool

UPLOAD_FIELD = "file"
MAX_FILE_NAME_BYTES = 1024
MAX_HEADERS = 16
MAX_HEADER_BYTES = 4096

# The parser's own warnings quote what clients send.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


class _Part:
    """A part whose headers are known."""

    def __init__(self, name: str, file_name: bytes | None, value: FieldValue) -> None:
        self.name = name
        self.file_name = file_name
        self.value = value

    def field(self) -> RawField:
        if self.name == UPLOAD_FIELD:
            spool = self.value.to_disk()
            return RawField(self.name, Upload(spool, has_name=bool(self.file_name)))
        if (spool_or_none := self.value.spool) is not None:
            return RawField(self.name, LongText(spool_or_none))
        return RawField(self.name, self.value.memory.decode("utf-8", "replace"))


class MultipartReader:
    """A `FieldReader` for multipart/form-data.

    Args:
        boundary: of the content type.
        max_upload_bytes: the bound of the file part, and of a long field.
        folder: where uploads are kept.

    Raises:
        InvalidRequest: the boundary is unusable.
    """

    def __init__(self, boundary: bytes, *, max_upload_bytes: int, folder: Path | None) -> None:
        self.spools: list[Spool] = []
        self._max_upload_bytes = max_upload_bytes
        self._folder = folder
        self._fields: list[RawField] = []
        self._n_parts = 0
        self._part: _Part | None = None
        self._headers: dict[bytes, bytes] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._is_complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._on_header_name,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._on_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
                max_header_count=MAX_HEADERS,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise InvalidRequest(f"multipart: {error}") from error

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequest(f"the multipart body is malformed: {error}") from error

    def finish(self) -> list[RawField]:
        """The fields, in their order."""
        if not self._is_complete:
            raise InvalidRequest("the multipart body ends before its closing boundary")
        return self._fields

    def _begin_part(self) -> None:
        self._n_parts += 1
        check_count(self._n_parts)
        self._headers = {}

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        raw_name = options.get(b"name")
        file_name = options.get(b"filename")
        if raw_name is None:
            raise InvalidRequest("a part of the multipart body has no name")
        if len(raw_name) > MAX_NAME_BYTES:
            raise TooLarge(f"a field's name is over the limit of {MAX_NAME_BYTES} bytes")
        if len(file_name or b"") > MAX_FILE_NAME_BYTES:
            raise TooLarge(
                f"the file's name is over the limit of {MAX_FILE_NAME_BYTES} bytes",
                param=UPLOAD_FIELD,
            )
        name = raw_name.decode("utf-8", "replace")
        value = FieldValue(
            name,
            self.spools,
            max_bytes=self._max_upload_bytes,
            folder=self._folder,
            may_be_long=name == UPLOAD_FIELD or name in LONG_FIELDS,
        )
        self._part = _Part(name, file_name, value)

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._part is not None:
            self._part.value.append(data[start:end])

    def _end_part(self) -> None:
        if self._part is not None:
            self._fields.append(self._part.field())
            self._part = None

    def _end(self) -> None:
        self._is_complete = True
