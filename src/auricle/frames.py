"""Frames between processes, and the child's end of them.

A frame is a JSON header and a raw payload: 4 bytes header length, 4 bytes payload length (both
little-endian), header, payload. JSON and raw bytes, not pickle: a child that was taken over by
a hostile file can send nonsense, but not code. A child reads frames on its standard input and
writes them on what was its standard output; anything a library prints goes to standard error.
End of input tells the child that its parent is gone.

Children have no event loop, and do not wait for one to be imported.
"""

import json
import os
import select
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 64 << 20
LENGTHS = struct.Struct("<II")
"""Of the header and of the payload: how a frame begins."""


class FrameError(Exception):
    """The other side broke the framing, or sent a frame over the limit."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A header of plain JSON values and a payload of bytes."""

    header: Mapping[str, Any]
    payload: bytes | memoryview = field(default=b"", repr=False)

    def encode_head(self) -> bytes:
        """Lengths and header; the payload follows as it is, without a copy."""
        header = json.dumps(self.header, separators=(",", ":")).encode()
        return LENGTHS.pack(len(header), len(self.payload)) + header


def parse_lengths(head: bytes) -> tuple[int, int]:
    """Of the header and the payload; FrameError if one is over its limit."""
    header_length, payload_length = LENGTHS.unpack(head)
    if header_length > MAX_HEADER_BYTES or payload_length > MAX_PAYLOAD_BYTES:
        msg = f"frame of {header_length} + {payload_length} bytes is over the limit"
        raise FrameError(msg)
    return header_length, payload_length


def parse_header(raw: bytes) -> dict[str, Any]:
    """FrameError if it is no JSON object."""
    try:
        header = json.loads(raw)
    except ValueError as error:
        raise FrameError("frame header is not JSON") from error
    if not isinstance(header, dict):
        raise FrameError("frame header is not an object")
    return header


class ChildChannel:
    """The child's end: blocking reads and writes of frames."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    def on_stdio(cls) -> "ChildChannel":
        """Claim standard input and output; later prints go to standard error."""
        writer = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        reader = os.fdopen(os.dup(0), "rb", buffering=0)
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        return cls(reader, writer)

    @classmethod
    def on_socket(cls, fd: int) -> "ChildChannel":
        """Over a connected socket, which is the channel's own from now on."""
        return cls(os.fdopen(os.dup(fd), "rb", buffering=0), os.fdopen(fd, "wb", buffering=0))

    def close(self) -> None:
        """Let go of both ends."""
        self._reader.close()
        self._writer.close()

    def _read_exactly(self, n: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < n:
            try:
                part = self._reader.read(n - len(parts))
            except ConnectionError:  # a socket whose other end left unread frames behind
                return None
            if not part:
                return None
            parts += part
        return bytes(parts)

    def read(self) -> Frame | None:
        """The next frame, or None when the parent is gone."""
        head = self._read_exactly(LENGTHS.size)
        if head is None:
            return None
        header_length, payload_length = parse_lengths(head)
        header = self._read_exactly(header_length)
        payload = self._read_exactly(payload_length)
        if header is None or payload is None:
            return None
        return Frame(parse_header(header), payload)

    @property
    def has_input(self) -> bool:
        """Whether `read` would return at once: a frame has come, or the parent is gone."""
        return bool(select.select([self._reader], [], [], 0)[0])

    def write(self, header: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
        """Send a frame; ConnectionError when the parent is gone."""
        frame = Frame(header, payload)
        for part in (frame.encode_head(), payload):
            view = memoryview(part).cast("B")
            while view:
                view = view[self._writer.write(view) :]
