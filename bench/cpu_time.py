"""Processor time of this process and of the machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auricle.process_tree import TICKS_PER_S


def own_cpu_s() -> float:
    """Seconds this process's threads have computed; its children do not count."""
    return time.process_time()


@contextmanager
def one_thread_of_numpy() -> Iterator[None]:
    """As in a process of the server: a second thread would spin, which counts as work."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def machine_cpu_s() -> float | None:
    """Seconds all cores were taken: by processes, interrupts and other guests of the host."""
    try:
        first_line = Path("/proc/stat").read_text().split("\n", 1)[0]
    except OSError:
        return None
    user, nice, system, _idle, _wait, *taken = map(int, first_line.split()[1:9])
    return (user + nice + system + sum(taken)) / TICKS_PER_S
