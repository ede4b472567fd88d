"""Processor time and memory of a tree of processes, and their ends (Linux, /proc)."""

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
"""Of the clock that /proc counts processor time with."""
_PROC = Path("/proc")
_PF_EXITING = 0x4
"""Of a thread's flags (Linux, include/linux/sched.h): set before anything of it is undone."""


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
    return {member: ticks[member] / TICKS_PER_S for member in members if member in ticks}


def tree_pss_bytes(pid: int) -> int | None:
    """Proportional set size of a process and its descendants; None where /proc is missing.

    Memory that some of them share counts once in all.
    """
    members = process_tree_cpu_s(pid)
    return sum(map(_pss_bytes, members)) if members else None


def is_exiting(pid: int) -> bool:
    """Whether a process's first thread is on its way out; False once reaped, or without /proc."""
    fields = _stat_fields(_PROC / str(pid))
    return fields is not None and bool(int(fields[6]) & _PF_EXITING)


def _pss_bytes(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0  # it has ended
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def _stat_fields(process: Path) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (state) on; None when the process has ended."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
