"""What a decoder process may use of the machine, set by itself before it sees a hostile byte.

Everything here is Linux's; elsewhere a call that the system lacks does nothing, and the parent's
watchdog remains.
"""

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CPU_S_PER_BLOCK = 20
"""Processor seconds to the next block of sound; normal is a hundredth."""


def _statm_bytes(field: int) -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[field])
    return pages * resource.getpagesize()


def resident_bytes() -> int:
    """Memory in use now; 0 where the system does not tell."""
    return _statm_bytes(1) if sys.platform == "linux" else 0


def limit_resources(memory_bytes: int) -> None:
    """Bound memory beyond what is mapped now; no core dumps, no file may be written."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        limit = _statm_bytes(0) + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def renew_cpu_time() -> None:
    """Grant time up to the next block; the kernel ends the process that overdraws it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + CPU_S_PER_BLOCK
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


@contextmanager
def no_more_files() -> Iterator[None]:
    """While inside, nothing can be opened: no file, socket or pipe."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)  # the lowest free number is the first that a new file would get
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
