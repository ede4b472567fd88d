import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from auricle.errors import WeightsError
from auricle.weights.files import (
    NotObtained,
    disk_errors,
    empty_folder,
    put_in_place,
    write_checked,
)

CONTENT = b"weights"


def write(chunks: Iterator[bytes] | list[bytes], path: Path) -> list[int]:
    told: list[int] = []
    write_checked(
        chunks,
        path,
        n_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        on_bytes=told.append,
    )
    return told


@pytest.mark.parametrize("chunks", [[CONTENT], [b"wei", b"ghts"], [b"", CONTENT, b""]])
def test_the_expected_content_is_written(chunks: list[bytes], tmp_path: Path) -> None:
    assert sum(write(chunks, tmp_path / "f")) == len(CONTENT)
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("chunks", [[], [b"weight"], [b"weighty"], [CONTENT, b"!"]])
def test_other_content_is_refused(chunks: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(NotObtained, match="f is not the expected file"):
        write(chunks, tmp_path / "f")


def test_content_without_end_stops_at_the_expected_size(tmp_path: Path) -> None:
    """A wheel's member may claim to be small and unpack to anything."""
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"12345"

    with pytest.raises(NotObtained):
        write(endless(), tmp_path / "f")
    assert taken == 2
    assert (tmp_path / "f").stat().st_size == 5


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write([CONTENT], tmp_path / "f")


def test_what_had_the_place_moves_to_the_attic(tmp_path: Path) -> None:
    for name in ("new", "place"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    put_in_place(tmp_path / "new", tmp_path / "place", tmp_path / "attic")
    assert (tmp_path / "place" / "f").read_text() == "new"
    assert (tmp_path / "attic" / "f").read_text() == "place"


def test_a_dangling_link_in_the_place_moves_too(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "place").symlink_to(tmp_path / "nowhere")
    put_in_place(tmp_path / "new", tmp_path / "place", tmp_path / "attic")
    assert (tmp_path / "place").is_dir()
    assert not (tmp_path / "place").is_symlink()


def test_leftovers_are_removed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert list(empty_folder(tmp_path / "a").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "the disk is full or over its quota while weights are written to"),
        (errno.EDQUOT, "the disk is full or over its quota while weights are written to"),
        (errno.EACCES, "f cannot be read or written (Permission denied): give this user the right"),
        (errno.EROFS, "f cannot be read or written (Read-only file system)"),
        (errno.EEXIST, "f is in the way, a folder is needed there: move it away"),
        (errno.EIO, "f cannot be used (Input/output error): repair it"),
    ],
)
@pytest.mark.parametrize("is_ours", [True, False])
def test_errors_of_the_disk_say_what_to_do(
    number: int, sentence: str, is_ours: bool, tmp_path: Path
) -> None:
    """Moving the cache is advice for the cache only, not for a folder of the user's."""
    place = tmp_path / ("cache" if is_ours else "own") / "f"
    with pytest.raises(WeightsError) as caught, disk_errors(tmp_path / "cache"):
        raise OSError(number, os.strerror(number), str(place))
    assert sentence in caught.value.message
    advice = "or point AURICLE_CACHE_DIR at another folder"
    assert caught.value.message.endswith(advice) == is_ours
