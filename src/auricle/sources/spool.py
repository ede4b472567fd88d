"""A temporary file that fills while bytes arrive."""

import asyncio
import errno
import fcntl
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from auricle import telemetry
from auricle.errors import TooLarge, Unavailable

logger = logging.getLogger(__name__)

WRITE_BYTES = 1 << 20
"""Bytes collected before a write; writes happen in a thread."""
PREFIX = "auricle-spool-"
FAILED_RETRY_AFTER_S = 30
SETTLING_S = 60.0
"""Seconds a new file is left alone, in which its owner locks it."""


class Spool:
    """A bounded temporary file, made by the first write. Owner: whoever calls `remove`.

    Args:
        max_bytes: the bound; `TooLarge` is raised beyond it.
        what: how the content is called in that error's message.
        folder: where the file is made; default the system's folder for such files.
        write: writes to a file descriptor and returns the number of bytes written.
    """

    def __init__(
        self,
        max_bytes: int,
        *,
        what: str = "the recording",
        folder: Path | None = None,
        write: Callable[[int, memoryview], int] = os.write,
    ) -> None:
        self._max_bytes = max_bytes
        self._what = what
        self._folder = folder
        self._write_some = write
        self._pending = bytearray()
        self._lock = threading.Lock()  # a cancelled write may still run while we remove
        self._descriptor: int | None = None
        self._path: Path | None = None
        self._is_removed = False
        self.size = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.remove()

    @property
    def path(self) -> Path:
        """Where the file is; only after `flush` or `write`."""
        if self._path is None:
            msg = "bug: a spool has no file before its first flush"
            raise RuntimeError(msg)
        return self._path

    def append(self, data: bytes | memoryview) -> None:
        """Take bytes into memory; call `settle` soon after.

        Raises:
            TooLarge: the file would exceed its bound.
        """
        self.expect(self.size + len(data))
        self.size += len(data)
        self._pending += data

    def expect(self, size: int) -> None:
        """Learn how many bytes there will be in all.

        Raises:
            TooLarge: that is over the bound.
        """
        if size > self._max_bytes:
            raise TooLarge(f"{self._what} is over the limit of {self._max_bytes} bytes")

    async def settle(self) -> None:
        """Write what was collected if it is much.

        Raises:
            Unavailable: the disk is full, or refuses for another reason.
        """
        if len(self._pending) >= WRITE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write all that was collected; the file exists afterwards.

        Raises:
            Unavailable: the disk is full, or refuses for another reason.
        """
        pending, self._pending = self._pending, bytearray()
        await asyncio.to_thread(self._write, pending)

    def write(self, data: bytes) -> None:
        """Append and write at once; blocks, so for threads only.

        Raises:
            TooLarge: the file would exceed its bound.
            Unavailable: the disk is full, or refuses for another reason.
        """
        self.append(data)
        pending, self._pending = self._pending, bytearray()
        self._write(pending)

    def _write(self, data: bytearray) -> None:
        with self._lock, _failures_named():
            if self._is_removed:
                return
            if self._descriptor is None:
                self._descriptor, name = tempfile.mkstemp(prefix=PREFIX, dir=self._folder)
                self._path = Path(name)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # while we live: see `sweep`
            view = memoryview(data)
            while view:
                view = view[self._write_some(self._descriptor, view) :]

    async def remove(self) -> None:
        """Delete the file and take no more; safe to call again."""
        await remove_all([self])

    def remove_now(self) -> None:
        """`remove` for threads: blocks."""
        with self._lock:
            self._pending = bytearray()
            self._is_removed = True
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)
            if self._path is not None:
                self._path.unlink(missing_ok=True)


async def remove_all(spools: Sequence[Spool]) -> None:
    """Delete the files of all, also if this task is cancelled before it has begun.

    In a thread, since removing a large file takes a while; what waits for a thread is dropped
    with the task that awaits it, unless it is shielded.
    """

    def remove() -> None:
        for spool in spools:
            spool.remove_now()

    if not spools:
        return
    await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, remove))


def sweep(folder: Path | None = None, *, settling_s: float = SETTLING_S) -> int:
    """Delete what killed processes have left; returns the number of files.

    A living owner holds a lock, which ends with its process however it dies.

    Args:
        folder: as for `Spool`.
        settling_s: files younger than this many seconds are left alone.
    """
    found = Path(folder or tempfile.gettempdir()).glob(f"{PREFIX}*")
    return sum(_is_swept(path, settling_s) for path in found)


def _is_swept(path: Path, settling_s: float) -> bool:
    try:
        with path.open("rb") as file:
            if time.time() - os.fstat(file.fileno()).st_mtime < settling_s:
                return False
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:  # in use, gone, or somebody else's
        return False
    return True


@contextmanager
def _failures_named() -> Iterator[None]:
    """What the disk refuses, as a sentence for the client; the log also tells where."""
    try:
        yield
    except OSError as error:
        telemetry.log(logger, logging.ERROR, "spool.failed", error=str(error))
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            msg = "no space is left to store the recording"
        else:
            msg = f"the recording cannot be stored: {error.strerror or type(error).__name__}"
        raise Unavailable(msg, retry_after_s=FAILED_RETRY_AFTER_S) from error
