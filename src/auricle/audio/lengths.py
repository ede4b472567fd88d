"""What a file says about its own length, and whether that is worth believing.

ffmpeg's duration is a promise of the header for some containers and a guess from the bit rate
for others; a guess is no reason to refuse a recording, nor to say that something is missing.
"""

from typing import BinaryIO

from av.audio.stream import AudioStream
from av.container import InputContainer

STATING = frozenset(
    "aiff ape asf au caf flac flv matroska mov ogg tta w64 wav webm wv".split()  # noqa: SIM905
)
"""Demuxers whose duration is read from the file, not guessed."""

_TAIL = 1 << 17  # bytes; the largest Ogg page has 65,307
_OGG_HEADER = 27  # bytes


def stated_s(container: InputContainer, stream: AudioStream, file: BinaryIO) -> float | None:
    """The recording's length in seconds as its container states it, or None."""
    names = container.format.name.split(",")
    if STATING.isdisjoint(names) and not ("mp3" in names and _has_vbr_header(file)):
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


def _has_vbr_header(file: BinaryIO) -> bool:
    """Whether an MP3 file begins with a frame that counts the others."""
    position = file.tell()
    file.seek(0)
    head = file.read(10)
    if head[:3] == b"ID3":
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        file.seek(10 + size)
        head = b""
    head += file.read(4096)
    file.seek(position)
    return any(tag in head for tag in (b"Xing", b"Info", b"VBRI"))


def is_cut_ogg(file: BinaryIO) -> bool:
    """Whether an Ogg file ends in the middle of a page; its end mark is no sign, many lack it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < _OGG_HEADER or not page.startswith(b"OggS"):
        return True
    n_segments = page[_OGG_HEADER - 1]
    segments = page[_OGG_HEADER : _OGG_HEADER + n_segments]
    return len(page) < _OGG_HEADER + n_segments + sum(segments)
