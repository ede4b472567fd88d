"""Memory that is given back, seen from outside."""

import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.engines.whisper.memory import drop_pages_of

pytestmark = pytest.mark.needs("procfs")


def resident_bytes(path: Path) -> int:
    """How much of a mapped file this process holds."""
    total, is_its = 0, False
    for line in Path("/proc/self/smaps").read_text("utf-8").splitlines():
        name, *values = line.split()
        if not name.endswith(":"):
            is_its = line.endswith(str(path))
        elif is_its and name == "Rss:":
            total += 1024 * int(values[0])
    return total


def test_read_pages_of_a_folder_go_and_come_back(tmp_path: Path) -> None:
    inside, outside = tmp_path / "a folder" / "weights", tmp_path / "a folder of others"
    inside.parent.mkdir()
    content = bytes(range(256)) * 16_384
    for path in (inside, outside):
        path.write_bytes(content)
    with inside.open("rb") as one, outside.open("rb") as other:
        mapped = [mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) for file in (one, other)]
    assert all(each[:] == content for each in mapped)
    assert resident_bytes(inside) == resident_bytes(outside) == len(content)
    drop_pages_of(inside.parent)
    assert resident_bytes(inside) == 0
    assert resident_bytes(outside) == len(content)
    assert mapped[0][:] == content


IN_A_FRESH_HEAP = """
import mmap
from pathlib import Path
from auricle.engines.whisper.memory import trim_heap

def resident_bytes():
    return int(Path("/proc/self/statm").read_text("utf-8").split()[1]) * mmap.PAGESIZE

pairs = [(bytearray(100_000), bytearray(1_000)) for _ in range(600)]
small = [pair[1] for pair in pairs]
pairs.clear()
before = resident_bytes()
trim_heap()
print(before - resident_bytes(), len(small))
"""


def test_what_lies_between_small_things_is_given_back() -> None:
    run = [sys.executable, "-c", IN_A_FRESH_HEAP]
    given_back, n_kept = map(int, subprocess.check_output(run, text=True).split())
    assert given_back > 40_000_000
    assert n_kept == 600
