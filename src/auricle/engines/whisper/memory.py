"""Memory that a worker no longer needs, given back to the system: on Linux; elsewhere nothing."""

import ctypes
import sys
from functools import cache
from pathlib import Path

_MADV_DONTNEED = 4


def trim_heap() -> None:
    """Give back whole pages between what is still in use. Takes a millisecond or two.

    A heap shrinks by itself only at its end, and what stays there is small and many.
    """
    if sys.platform == "linux" and hasattr(_libc(), "malloc_trim"):  # glibc's
        _libc().malloc_trim(0)


def drop_pages_of(folder: Path) -> None:
    """Drop what this process has read of mapped files in a folder.

    They come back when they are read again. Weights are read once, to be packed for the processor.
    """
    if sys.platform != "linux":
        return
    within = f"{folder.resolve()}/"
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        edges, permissions, *_, path = line.split(maxsplit=5)
        if path.startswith(within) and "w" not in permissions:
            first, end = (int(edge, 16) for edge in edges.split("-"))
            _libc().madvise(ctypes.c_void_p(first), ctypes.c_size_t(end - first), _MADV_DONTNEED)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
