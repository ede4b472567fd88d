"""Memory of a tree of processes (Linux, /proc): shared pages count once, by their share."""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_PROC = Path("/proc")


def tree_of(pid: int) -> list[int]:
    """A process and its descendants."""
    parents = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended while we looked
                continue
            parents[int(entry.name)] = int(fields[1])
    members = [pid]
    for member in members:  # grows while we walk
        members.extend(child for child, parent in parents.items() if parent == member)
    return members


def tree_pss_bytes(pid: int) -> int:
    """Proportional set size of a process and its descendants."""
    return sum(map(_pss_bytes, tree_of(pid)))


def _pss_bytes(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


class MemoryWatch:
    """Notes the memory of a tree while it is entered. `peak_bytes` is the most that was seen."""

    def __init__(self, pid: int, period_s: float = 2.0) -> None:
        self._pid = pid
        self._period_s = period_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_bytes = 0
        self.samples: list[tuple[float, int]] = []
        """Seconds of the monotonic clock, and bytes."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            now_bytes = tree_pss_bytes(self._pid)
            self.samples.append((time.monotonic(), now_bytes))
            self.peak_bytes = max(self.peak_bytes, now_bytes)
            if self._over.wait(self._period_s):
                return
