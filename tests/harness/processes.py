"""The child processes of a server, as the system shows them (Linux)."""

import os
import signal
from contextlib import suppress
from pathlib import Path

ENGINE_WORKER = "auricle.scheduling.worker_process"
DECODER = "auricle.frontend.child"


def workers(server: int, module: str) -> set[int]:
    """Process ids of a server's processes that run `python -m module` and do its work.

    Where the module is loaded once and copied, those are the copies (`auricle.forking`).
    """
    loaded = loaders(server, module)
    copies = {copy for parent in loaded for copy in loaders(parent, module)}
    return copies or loaded


def loaders(parent: int, module: str) -> set[int]:
    """Process ids of a process's children that run `python -m module`."""
    return {
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and _runs(folder, parent, module)
    }


def _runs(folder: Path, parent: int, module: str) -> bool:
    try:
        # The name, in parentheses, may hold anything; the parent is the second field after it.
        after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        arguments = (folder / "cmdline").read_bytes().split(b"\0")
    except (OSError, IndexError):  # it ended while we looked
        return False
    return int(after_name[1]) == parent and after_name[0] != "Z" and module.encode() in arguments


def kill_all(pids: set[int]) -> None:
    """kill -9; those that have ended already are passed over."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
