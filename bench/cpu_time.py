"""Processor time of this process, of a tree of processes and of the machine (Linux, /proc)."""

import os
import time
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def own_cpu_s() -> float:
    """Seconds this process's threads have computed; its children do not count."""
    return time.process_time()


def tree_cpu_s(pid: int) -> float | None:
    """Seconds a process and its descendants have computed; None where /proc is missing."""
    by_process = process_tree_cpu_s(pid)
    return sum(by_process.values()) if by_process else None


def process_tree_cpu_s(pid: int) -> dict[int, float]:
    """For a process and each living descendant, seconds it has computed, ended children included.

    Empty where /proc is missing, or when the process has ended.
    """
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in _PROC.iterdir() if (_PROC / "self" / "stat").exists() else ():
        fields = _stat_fields(entry) if entry.name.isdigit() else None
        if fields is not None:
            parents[int(entry.name)] = int(fields[1])
            ticks[int(entry.name)] = sum(map(int, fields[11:15]))  # with children that ended
    members = {pid}
    while found := {p for p, parent in parents.items() if parent in members} - members:
        members |= found
    return {member: ticks[member] / _TICKS_PER_S for member in members if member in ticks}


def machine_cpu_s() -> float | None:
    """Seconds all cores were taken: by processes, interrupts and other guests of the host."""
    try:
        first_line = (_PROC / "stat").read_text().split("\n", 1)[0]
    except OSError:
        return None
    user, nice, system, _idle, _wait, *taken = map(int, first_line.split()[1:9])
    return (user + nice + system + sum(taken)) / _TICKS_PER_S


def _stat_fields(process: Path) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (state) on; None when the process has ended."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
