"""Files on disk: written checked and durable, hashed, put in place; errors as sentences."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from auricle.errors import WeightsError

CHUNK_BYTES = 1 << 20

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
LOCAL_ERRNOS = frozenset(_FULL | _FORBIDDEN | _IN_THE_WAY | {errno.EIO})
"""Errors of this machine's disk: another source of the weights would meet them too."""


class NotObtained(Exception):
    """A source cannot give the files; the message is a clause that says why."""


class NotOffered(NotObtained):
    """The source has nothing for this model, which is no news to anybody."""


class Unreachable(NotObtained):
    """The source did not answer, or broke off; it may do better the next time."""


class Damaged(NotObtained):
    """The files are there but are not what they should be."""


@contextmanager
def disk_errors(cache_dir: Path) -> Iterator[None]:
    """Turn an OSError of the weights' folders into one sentence that says what to do.

    Raises:
        WeightsError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        place = Path(error.filename) if error.filename else cache_dir
        raise WeightsError(_sentence(error, place, cache_dir)) from error


def _sentence(error: OSError, place: Path, cache_dir: Path) -> str:
    is_ours = place.is_relative_to(cache_dir)
    elsewhere = ", or point AURICLE_CACHE_DIR at another folder" if is_ours else ""
    if error.errno in _FULL:
        return (
            f"the disk is full or over its quota while weights are written to {place}:"
            f" free some space{elsewhere}"
        )
    if error.errno in _FORBIDDEN:
        return (
            f"{place} cannot be read or written ({error.strerror}):"
            f" give this user the right to{elsewhere}"
        )
    if error.errno in _IN_THE_WAY:
        culprits = [path for path in (place, *place.parents) if path.is_file()]
        culprit = culprits[0] if culprits else place
        return f"{culprit} is in the way, a folder is needed there: move it away{elsewhere}"
    return f"{place} cannot be used ({error.strerror or error}): repair it{elsewhere}"


def write_checked(
    chunks: Iterable[bytes],
    path: Path,
    *,
    n_bytes: int,
    sha256: str,
    on_bytes: Callable[[int], None],
) -> None:
    """Write a new file, hashing on the way, and force it to the disk.

    Args:
        chunks: the content, piece by piece; never read past the expected size.
        path: must not exist.
        n_bytes: expected size.
        sha256: expected hash.
        on_bytes: told the size of each piece written.

    Raises:
        NotObtained: the content is not the expected one; what was written remains.
        OSError: of the disk.
    """
    digest = hashlib.sha256()
    written = 0
    with path.open("xb") as file:
        for chunk in chunks:
            written += len(chunk)
            if written > n_bytes:
                break
            digest.update(chunk)
            file.write(chunk)
            on_bytes(len(chunk))
        file.flush()
        os.fsync(file.fileno())
    if written != n_bytes or digest.hexdigest() != sha256:
        raise NotObtained(f"{path.name} is not the expected file (wrong size or sha256)")


def read_chunks(path: Path) -> Iterator[bytes]:
    """The content of a file, piece by piece."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def hash_file(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    for chunk in read_chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def sync_file(path: Path) -> None:
    """Force the content of a file to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_in_place(new: Path, place: Path, attic: Path) -> None:
    """Give a complete folder its final name; what had that name moves into the attic."""
    sync_folder(new)
    if place.is_symlink() or place.exists():
        place.rename(attic)
    new.rename(place)
    sync_folder(place.parent)


def empty_folder(folder: Path) -> Path:
    """Make a folder, without what a killed process left in it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def is_folder(path: Path) -> bool:
    """Whether a folder is there; one that may not be looked at is an error, not a no.

    Raises:
        OSError: the path cannot be reached, or is no folder.
    """
    try:
        os.scandir(path).close()
    except FileNotFoundError:
        return False
    return True
