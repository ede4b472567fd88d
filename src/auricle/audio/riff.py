"""Does the header of a WAV file tell its length right?

ffmpeg stops at the end of the `data` chunk that the header promises, so a header that says too
little silently loses the rest.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

STREAMED_SIZES = frozenset({0, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 36})
"""What programs write into `data` when they cannot know its size; then it goes to the end."""

_MAX_CHUNKS = 1000
_CHUNK = struct.Struct("<4sI")


@dataclass(frozen=True, slots=True)
class DataChunk:
    """The `data` chunk of a WAV file, in bytes: its start, its promised and its real size."""

    start: int
    promised: int
    available: int
    followed_by_chunks: bool

    @property
    def is_understated(self) -> bool:
        """Whether sound goes on behind the promised end."""
        if self.promised in STREAMED_SIZES:
            return False  # ffmpeg reads to the end by itself
        return self.available > self.promised + 1 and not self.followed_by_chunks

    @property
    def is_overstated(self) -> bool:
        """Whether the file ends before the promised end."""
        return self.promised > self.available and self.promised not in STREAMED_SIZES


def find_data_chunk(file: BinaryIO) -> DataChunk | None:
    """The `data` chunk of a RIFF WAVE file, or None for any other file. Leaves it at its start."""
    try:
        return _find_data_chunk(file)
    finally:
        file.seek(0)


def _find_data_chunk(file: BinaryIO) -> DataChunk | None:
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    for start, name, promised in _chunks(file, 12, size):
        if name == b"data":
            end = start + promised
            followed = end < size and _are_chunks(file, end + promised % 2, size)
            return DataChunk(start, promised, size - start, followed)
    return None


def _chunks(file: BinaryIO, offset: int, size: int) -> list[tuple[int, bytes, int]]:
    """(start of the content, name, promised size) of each chunk from `offset` on."""
    chunks: list[tuple[int, bytes, int]] = []
    while offset + _CHUNK.size <= size and len(chunks) < _MAX_CHUNKS:
        file.seek(offset)
        name, promised = _CHUNK.unpack(file.read(_CHUNK.size))
        chunks.append((offset + _CHUNK.size, name, promised))
        offset += _CHUNK.size + promised + promised % 2
    return chunks


def _are_chunks(file: BinaryIO, offset: int, size: int) -> bool:
    """Whether well-formed chunks (tags, cue points, …) fill the rest of the file."""
    chunks = _chunks(file, offset, size)
    if not chunks:
        return size - offset < _CHUNK.size  # padding
    start, _, promised = chunks[-1]
    names_are_text = all(0x20 <= byte < 0x7F for _, name, _ in chunks for byte in name)
    return names_are_text and start + promised <= size + 1
