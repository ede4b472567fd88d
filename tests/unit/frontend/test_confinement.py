"""What a decoder process cannot do, and that it ends with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from auricle.errors import TooLarge
from auricle.frontend.pool import Block, DecodeLimits
from harness.media import silence
from harness.vad import vad_file
from harness.watching import cpu_ticks, eventually, is_alive, peak_bytes
from unit.frontend.conftest import StartPool

pytestmark = pytest.mark.needs("procfs")

MAX_GROWTH_BYTES = 8 << 20

PARENT = """
import asyncio, sys
from pathlib import Path
from auricle.frontend.pool import FrontEndPool, DecodeLimits

async def main():
    pool = FrontEndPool(2, Path(sys.argv[1]), DecodeLimits(), 1 << 29)
    await pool.start()
    print(*pool.pids, flush=True)
    while True:
        async for _ in pool.read(Path(sys.argv[2])):
            pass

asyncio.run(main())
"""


def in_confinement(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, with the room's functions imported."""
    imports = "from auricle.frontend.confinement import *\nimport os, socket, resource, tempfile\n"
    return subprocess.run(
        [sys.executable, "-c", imports + code], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        "socket.socket()",
        "os.pipe()",
        "os.listdir('/')",
        "os.memfd_create('x')",
    ],
)
def test_nothing_can_be_opened_while_decoding(attempt: str) -> None:
    done = in_confinement(f"with no_more_files():\n    {attempt}")
    assert "Too many open files" in done.stderr


def test_what_is_open_can_be_used_while_decoding(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_text("sound")
    done = in_confinement(
        f"file = open({str(path)!r})\nwith no_more_files():\n    print(file.read())\n"
        "open('/dev/null')"
    )
    assert (done.stdout, done.stderr) == ("sound\n", "")


def test_files_left_open_by_accident_do_not_widen_the_limit(tmp_path: Path) -> None:
    done = in_confinement(
        "held = [open('/dev/null') for _ in range(5)]\ndel held[1], held[2]\n"
        "with no_more_files():\n    [open('/dev/null') for _ in range(2)]"
    )
    assert "Too many open files" in done.stderr


def test_nothing_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / "out"
    done = in_confinement(
        f"limit_resources(1 << 28)\nfile = open({str(target)!r}, 'w')\n"
        "file.write('x')\nfile.flush()"
    )
    assert "File too large" in done.stderr
    assert target.stat().st_size == 0


def test_memory_is_bounded_beyond_what_is_in_use() -> None:
    done = in_confinement(
        "limit_resources(64 << 20)\nbytearray(32 << 20)\nprint('enough')\nbytearray(80 << 20)"
    )
    assert done.stdout == "enough\n"
    assert "MemoryError" in done.stderr


def test_processor_time_without_progress_is_bounded() -> None:
    done = in_confinement(
        "import auricle.frontend.confinement as c\nc.CPU_S_PER_BLOCK = 1\nc.renew_cpu_time()\n"
        "while True: pass"
    )
    assert done.returncode == -signal.SIGXCPU


def test_process_that_lost_its_parent_before_it_could_ask_ends() -> None:
    done = in_confinement("die_with_parent(1)\nprint('still here')")
    assert (done.returncode, done.stdout) == (1, "")


@pytest_asyncio.fixture
async def parent(long_recording: Path) -> AsyncGenerator[tuple[int, list[int]], None]:
    """A process that reads without end: its id, and its children's."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(vad_file()), str(long_recording), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    yield process.pid, [int(pid) for pid in line.split()]
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_children_end_with_their_parent(parent: tuple[int, list[int]]) -> None:
    pid, children = parent
    assert len(children) == 2
    before = {child: cpu_ticks(child) for child in children}
    await eventually(
        lambda: any(cpu_ticks(child) > before[child] + 5 for child in children), "one is busy"
    )
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not any(map(is_alive, children)), "the children are gone")


async def test_children_end_with_a_parent_that_does_not_close_the_pool(
    parent: tuple[int, list[int]],
) -> None:
    pid, children = parent
    os.kill(pid, signal.SIGTERM)
    await eventually(lambda: not any(map(is_alive, children)), "the children are gone")


async def test_memory_does_not_grow_with_the_length(
    start_pool: StartPool, long_recording: Path
) -> None:
    pool = await start_pool()
    (pid,) = pool.pids
    async with aclosing(pool.read(long_recording)) as items:
        peaks = [peak_bytes(pid) async for _ in items]
    settled = peaks[len(peaks) // 10]
    assert peaks[-1] - settled < MAX_GROWTH_BYTES


@pytest.mark.long
async def test_hours_that_nobody_stated_stop_at_the_limit_with_flat_memory(
    start_pool: StartPool, tmp_path: Path
) -> None:
    path = tmp_path / "hours.flac"
    path.write_bytes(silence(4 * 3600))
    pool = await start_pool(limits=DecodeLimits())
    (pid,) = pool.pids
    peaks = []
    with pytest.raises(TooLarge):
        async for item in pool.read(path):
            assert isinstance(item, Block)
            peaks.append(peak_bytes(pid))
    assert peaks[-1] - peaks[100] < MAX_GROWTH_BYTES
