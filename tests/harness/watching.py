"""Other processes as the system shows them (Linux), and waiting for what must come."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

DEADLINE_S = 60.0
POLL_S = 0.02


async def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fail with `what` when it does not in DEADLINE_S."""
    end = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end, f"not in {DEADLINE_S:g} s: {what}"
        await asyncio.sleep(POLL_S)


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def parent_of(pid: int) -> int:
    """The process that started it."""
    return int(_stat(pid)[1])


def is_asleep(pid: int) -> bool:
    """Whether a process waits for something."""
    return _stat(pid)[0] == "S"


def cpu_ticks(pid: int) -> int:
    """Processor time used so far, in ticks of the system's clock."""
    return int(_stat(pid)[11]) + int(_stat(pid)[12])


def peak_bytes(pid: int) -> int:
    """The most memory that was resident at once."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat behind the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
