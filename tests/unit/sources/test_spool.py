"""The temporary file: bounded, and gone afterwards."""

import asyncio
import errno
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auricle.errors import TooLarge, Unavailable
from auricle.sources.spool import PREFIX, WRITE_BYTES, Spool, remove_all, sweep


async def test_keeps_bytes_in_order_and_leaves_nothing(tmp_path: Path) -> None:
    async with Spool(10 << 20, folder=tmp_path) as spool:
        for value in range(40):
            spool.append(bytes([value]) * 100_000)
            await spool.settle()
        await spool.flush()
        assert spool.size == 4_000_000
        assert spool.path.read_bytes() == b"".join(bytes([v]) * 100_000 for v in range(40))
    assert list(tmp_path.iterdir()) == []


async def test_holds_little_in_memory(tmp_path: Path) -> None:
    async with Spool(10 << 20, folder=tmp_path) as spool:
        spool.append(bytes(WRITE_BYTES))
        await spool.settle()
        assert spool.path.stat().st_size == WRITE_BYTES


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
async def test_bound(tmp_path: Path, size: int, fits: bool) -> None:
    async with Spool(1000, what="the clip", folder=tmp_path) as spool:
        spool.append(bytes(999))
        if fits:
            spool.append(bytes(size - 999))
            spool.expect(1000)
        else:
            with pytest.raises(TooLarge, match="the clip is over the limit of 1000 bytes"):
                spool.append(bytes(size - 999))


async def test_an_empty_file_exists_after_flush(tmp_path: Path) -> None:
    async with Spool(1, folder=tmp_path) as spool:
        await spool.flush()
        assert spool.path.read_bytes() == b""


async def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    async with Spool(1, folder=tmp_path) as spool:
        await spool.flush()
        assert spool.path.stat().st_mode & 0o077 == 0


async def test_a_full_disk_is_said_in_one_sentence(tmp_path: Path) -> None:
    def refuse(_descriptor: int, _data: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with Spool(10, folder=tmp_path, write=refuse) as spool:
        spool.append(b"x")
        with pytest.raises(Unavailable, match="no space"):
            await spool.flush()


async def test_a_folder_that_is_gone_is_said_in_one_sentence(tmp_path: Path) -> None:
    async with Spool(10, folder=tmp_path / "gone") as spool:
        spool.append(b"x")
        with pytest.raises(Unavailable, match="cannot be stored: No such file") as caught:
            await spool.flush()
    assert str(tmp_path) not in caught.value.message
    assert caught.value.retry_after_s > 0


async def test_a_write_after_removal_makes_no_file(tmp_path: Path) -> None:
    spool = Spool(10, folder=tmp_path)
    await spool.remove()
    spool.append(b"late")
    await spool.flush()
    await spool.remove()
    assert list(tmp_path.iterdir()) == []


async def test_cancelling_a_flush_leaves_no_file(tmp_path: Path) -> None:
    async def work() -> None:
        async with Spool(64 << 20, folder=tmp_path) as spool:
            spool.append(bytes(32 << 20))
            await spool.flush()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The removal may still wait for its thread behind the write.
    async with asyncio.timeout(30):
        while list(tmp_path.iterdir()):
            await asyncio.sleep(0.01)


LEAVE = """
import asyncio, os, sys
from pathlib import Path
from auricle.sources.spool import Spool
spool = Spool(10, folder=Path(sys.argv[1]))
spool.write(b"left")
os._exit(0)
"""


async def test_a_cancelled_removal_leaves_no_file(tmp_path: Path) -> None:
    """A client that leaves cancels twice: the second time meets the removal on its way."""
    spools = [Spool(1000, folder=tmp_path) for _ in range(3)]
    for spool in spools:
        await spool.flush()
    loop, is_free = asyncio.get_running_loop(), threading.Event()
    with ThreadPoolExecutor(1) as one_thread:
        loop.set_default_executor(one_thread)
        one_thread.submit(is_free.wait)
        removal = asyncio.create_task(remove_all(spools))
        await asyncio.sleep(0)
        removal.cancel()
        with pytest.raises(asyncio.CancelledError):
            await removal
        assert len(list(tmp_path.iterdir())) == 3
        is_free.set()
    assert list(tmp_path.iterdir()) == []


async def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    other = tmp_path / "somebody-elses"
    other.write_bytes(b"x")
    async with Spool(10, folder=tmp_path) as living:
        await living.flush()
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", LEAVE, str(tmp_path))
        assert await process.wait() == 0
        assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 2
        assert sweep(tmp_path) == 0, "young files are left alone"
        assert sweep(tmp_path, settling_s=0) == 1
        assert set(tmp_path.iterdir()) == {living.path, other}


def test_there_may_be_nothing_to_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path / "missing") == 0
