import io
import struct

import numpy as np
import pytest

from auricle.audio.riff import STREAMED_SIZES, DataChunk, find_data_chunk
from harness.media import wav

PCM = np.arange(1_000, dtype=np.int16)


def chunk_of(data: bytes) -> DataChunk | None:
    file = io.BytesIO(data)
    chunk = find_data_chunk(file)
    assert file.tell() == 0
    return chunk


def test_honest_header_is_neither_under_nor_overstated() -> None:
    assert chunk_of(wav(PCM)) == DataChunk(44, 2_000, 2_000, followed_by_chunks=False)
    chunk = chunk_of(wav(PCM))
    assert chunk
    assert not chunk.is_understated
    assert not chunk.is_overstated


def test_promise_below_the_truth_is_understated() -> None:
    chunk = chunk_of(wav(PCM, promised=100))
    assert chunk
    assert chunk.is_understated


@pytest.mark.parametrize("after", [b"\0", b"LIST\x04\0\0\0INFO", b"id3 \x03\0\0\0abc\0", b"\0\0\0"])
def test_padding_and_tags_behind_the_data_are_no_sound(after: bytes) -> None:
    chunk = chunk_of(wav(PCM, after=after))
    assert chunk
    assert not chunk.is_understated


@pytest.mark.parametrize("after", [bytes(50), b"\xff" * 50, b"LIST\xff\xff\0\0INFO"])
def test_what_is_no_chunk_behind_the_data_is_sound(after: bytes) -> None:
    chunk = chunk_of(wav(PCM, after=after))
    assert chunk
    assert chunk.is_understated


def test_promise_above_the_truth_is_overstated() -> None:
    chunk = chunk_of(wav(PCM, promised=4_000))
    assert chunk
    assert chunk.is_overstated
    assert not chunk.is_understated


@pytest.mark.parametrize("size", sorted(STREAMED_SIZES))
def test_sizes_of_streamed_files_promise_nothing(size: int) -> None:
    chunk = chunk_of(wav(PCM, promised=size))
    assert chunk
    assert not chunk.is_overstated
    assert not chunk.is_understated


def test_data_is_found_behind_other_chunks() -> None:
    data = wav(PCM)
    with_tags = data[:12] + b"LIST\x03\0\0\0abc\0" + data[12:]
    chunk = chunk_of(with_tags)
    assert chunk
    assert chunk.start == 56


@pytest.mark.parametrize(
    "data",
    [b"", b"RIFF", b"fLaC" + bytes(100), wav(PCM)[:20], b"RIFF\0\0\0\0WAVE" + bytes(10_000)],
)
def test_other_files_have_no_data_chunk(data: bytes) -> None:
    assert chunk_of(data) is None


def test_search_ends_in_a_file_of_nothing_but_chunks() -> None:
    assert chunk_of(b"RIFF\0\0\0\0WAVE" + struct.pack("<4sI", b"junk", 0) * 100_000) is None
