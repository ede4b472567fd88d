"""Memory of a tree of processes (Linux, /proc)."""

from pathlib import Path

from cpu_time import process_tree_cpu_s


def tree_pss_bytes(pid: int) -> int:
    """Proportional set size of a process and its descendants: shared pages count once in all."""
    return sum(_pss_bytes(member) for member in process_tree_cpu_s(pid))


def _pss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0  # it has ended
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)
