"""The most memory that a server's processes hold while something happens."""

import threading
from types import TracebackType
from typing import Self

from auricle.process_tree import tree_pss_bytes


class MemoryWatch:
    """Notes the memory of a tree of processes while it is entered; `peak_bytes` is the most."""

    def __init__(self, pid: int, period_s: float = 2.0) -> None:
        self._pid = pid
        self._period_s = period_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_bytes = 0

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
            self.peak_bytes = max(self.peak_bytes, tree_pss_bytes(self._pid) or 0)
            if self._over.wait(self._period_s):
                return
