import asyncio
import os
import signal
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from auricle import forking
from auricle.audio.decode import BLOCK
from auricle.audio.waveform import SAMPLE_RATE
from auricle.errors import EngineFailed, TooLarge, Unavailable, UnreadableAudio
from auricle.frontend.crew import LONG_S
from auricle.frontend.pool import (
    SMALL_BYTES,
    Block,
    DecodeLimits,
    FrontEndPool,
    RecordingEnd,
)
from auricle.vad.silero import SileroVad, VadState
from harness.media import decode, silence, tone, wav
from harness.speech import ASK_NOT, GERMAN
from harness.vad import vad_file
from harness.watching import cpu_ticks, eventually, is_alive, is_asleep
from unit.frontend.conftest import MEMORY_BYTES, StartPool

Recording = AsyncGenerator[Block | RecordingEnd, None]
pytestmark = pytest.mark.needs("procfs")


async def read_all(pool: FrontEndPool, path: Path) -> tuple[list[Block], RecordingEnd]:
    """All blocks and the end, within the tests' patience."""
    async with asyncio.timeout(120), aclosing(pool.read(path)) as items:
        found = [item async for item in items]
    *blocks, end = found
    assert isinstance(end, RecordingEnd)
    assert all(isinstance(block, Block) for block in blocks)
    return [block for block in blocks if isinstance(block, Block)], end


async def first_block(items: Recording) -> Block:
    block = await asyncio.wait_for(anext(items), 60)
    assert isinstance(block, Block)
    return block


def only_pid(pool: FrontEndPool) -> int:
    (pid,) = pool.pids
    return pid


@pytest.mark.parametrize("copies", [True, False], ids=["copies", "processes of their own"])
async def test_recording_arrives_as_it_decodes_here(
    start_pool: StartPool, monkeypatch: pytest.MonkeyPatch, *, copies: bool
) -> None:
    monkeypatch.setattr(forking, "IS_POSSIBLE", copies and forking.IS_POSSIBLE)
    pool = await start_pool()
    blocks, end = await read_all(pool, ASK_NOT.path)
    waveform, _ = decode(ASK_NOT.path)
    vad = SileroVad(vad_file())
    speech, state = vad.feed(waveform, VadState.at_start())
    speech = np.concatenate([speech, vad.finish(state)])
    ends = np.cumsum([len(block.waveform) for block in blocks])
    assert [block.start for block in blocks] == [0, *ends[:-1]]
    np.testing.assert_array_equal(np.concatenate([block.waveform for block in blocks]), waveform)
    np.testing.assert_array_equal(np.concatenate([block.speech for block in blocks]), speech)
    assert end.n_samples == len(waveform)
    assert end.notices == ()
    assert end.decode_s > 0
    assert end.vad_s > 0


async def test_first_blocks_are_short_and_later_ones_long(
    start_pool: StartPool, tmp_path: Path
) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(wav(tone(30.0)))
    blocks, _ = await read_all(await start_pool(), path)
    lengths = [len(block.waveform) for block in blocks]
    assert lengths[:4] == [BLOCK] * 4
    assert max(lengths) == 4 * BLOCK
    assert sum(lengths) == 30 * SAMPLE_RATE


@pytest.mark.parametrize("n_samples", [0, 1, 800])
async def test_recordings_of_next_to_nothing(
    start_pool: StartPool, tmp_path: Path, n_samples: int
) -> None:
    path = tmp_path / "short.wav"
    path.write_bytes(wav(np.ones(n_samples, np.int16)))
    blocks, end = await read_all(await start_pool(), path)
    assert sum(len(block.waveform) for block in blocks) == end.n_samples == n_samples
    assert sum(len(block.speech) for block in blocks) == -(-n_samples // 512)


async def test_child_is_free_before_its_reader_takes_the_end(start_pool: StartPool) -> None:
    pool = await start_pool()
    async with aclosing(pool.read(ASK_NOT.path)) as slow:
        async for item in slow:
            if isinstance(item, RecordingEnd):
                break
        await read_all(pool, GERMAN.path)


async def test_notices_come_with_the_end(start_pool: StartPool, tmp_path: Path) -> None:
    path = tmp_path / "lies.wav"
    path.write_bytes(wav(np.ones(16_000, np.int16), promised=3_200))
    _, end = await read_all(await start_pool(), path)
    assert end.notices == (
        "The header of the file gives too short a length; it was read to its real end.",
    )


async def test_same_child_reads_one_recording_after_the_other(
    start_pool: StartPool, tmp_path: Path
) -> None:
    pool = await start_pool()
    pid = only_pid(pool)
    text = tmp_path / "text.wav"
    text.write_text("no sound " * 100)
    for _ in range(3):
        await read_all(pool, ASK_NOT.path)
        with pytest.raises(UnreadableAudio, match="not a recording"):
            await read_all(pool, text)
        await read_all(pool, GERMAN.path)
    assert only_pid(pool) == pid


async def test_limits_reach_the_child(start_pool: StartPool) -> None:
    pool = await start_pool(limits=DecodeLimits(max_audio_s=3))
    with pytest.raises(TooLarge, match="the limit is 3 seconds"):
        await read_all(pool, ASK_NOT.path)


async def test_child_is_replaced_after_its_share_of_recordings(start_pool: StartPool) -> None:
    pool = await start_pool(max_recordings=2)
    pid = only_pid(pool)
    await read_all(pool, ASK_NOT.path)
    assert only_pid(pool) == pid
    await read_all(pool, ASK_NOT.path)
    await read_all(pool, ASK_NOT.path)
    assert only_pid(pool) != pid
    assert not is_alive(pid)


async def test_closing_early_frees_the_same_child(
    start_pool: StartPool, long_recording: Path
) -> None:
    pool = await start_pool()
    pid = only_pid(pool)
    items = pool.read(long_recording)
    await first_block(items)
    await items.aclose()
    await read_all(pool, ASK_NOT.path)
    assert only_pid(pool) == pid


async def test_cancelled_reader_frees_the_same_child(
    start_pool: StartPool, long_recording: Path
) -> None:
    pool = await start_pool()
    pid = only_pid(pool)
    for n_blocks in range(6):
        begun = asyncio.Event()

        async def read(begun: asyncio.Event = begun, n_blocks: int = n_blocks) -> None:
            async with aclosing(pool.read(long_recording)) as items:
                for _ in range(n_blocks):
                    await anext(items)
                begun.set()
                async for _ in items:
                    pass

        task = asyncio.create_task(read())
        await asyncio.wait_for(begun.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await read_all(pool, ASK_NOT.path)
    assert only_pid(pool) == pid


async def test_child_waits_when_nobody_takes_its_blocks(
    start_pool: StartPool, long_recording: Path
) -> None:
    pool = await start_pool()
    pid = only_pid(pool)
    async with aclosing(pool.read(long_recording)) as items:
        await first_block(items)
        seen: list[int] = []

        def has_come_to_rest() -> bool:
            seen.append(cpu_ticks(pid))
            return len(seen) > 10 and len(set(seen[-10:])) == 1 and is_asleep(pid)

        await eventually(has_come_to_rest, "the child rests")
        taken = [item async for item in items]
        assert isinstance(taken[-1], RecordingEnd)


async def test_killed_child_fails_its_recording_alone(
    start_pool: StartPool, long_recording: Path
) -> None:
    pool = await start_pool(2)
    async with (
        aclosing(pool.read(long_recording)) as mine,
        aclosing(pool.read(long_recording)) as others,
    ):
        await first_block(mine)
        busy = pool.pids - await idle_pids(pool)
        await first_block(others)
        (victim,) = busy
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(UnreadableAudio, match="the decoder gave up on this recording"):
            async for _ in mine:
                pass
        assert [type(item) async for item in others][-1] is RecordingEnd
    await asyncio.gather(*(read_all(pool, ASK_NOT.path) for _ in range(4)))
    assert len(pool.pids) == 2
    assert victim not in pool.pids


async def idle_pids(pool: FrontEndPool) -> set[int]:
    """Children without a recording: the ones whose processor time stands still at zero reads."""
    before = {pid: cpu_ticks(pid) for pid in pool.pids}
    changed: set[int] = set()

    def someone_works() -> bool:
        changed.update(pid for pid in before if cpu_ticks(pid) != before[pid])
        return bool(changed)

    await eventually(someone_works, "a child works")
    return set(before) - changed


async def test_child_that_died_idle_is_replaced(start_pool: StartPool) -> None:
    pool = await start_pool()
    pid = only_pid(pool)
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: bool(pool.pids) and pid not in pool.pids, "the child is replaced")
    await read_all(pool, ASK_NOT.path)
    assert not is_alive(pid)


async def test_child_that_hangs_is_given_up(start_pool: StartPool) -> None:
    pool = await start_pool(stall_s=1)
    pid = only_pid(pool)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(UnreadableAudio, match="gave up"):
        await read_all(pool, ASK_NOT.path)
    await eventually(lambda: bool(pool.pids) and pid not in pool.pids, "the child is replaced")
    assert not is_alive(pid)


async def test_recording_that_eats_memory_fails_alone(
    start_pool: StartPool, tmp_path: Path
) -> None:
    path = tmp_path / "pictures.flac"
    write_flac_with_pictures(path, n_pictures=12)
    pool = await start_pool(memory_bytes=256 << 20)
    await read_all(pool, path)
    pool = await start_pool(memory_bytes=64 << 20)
    with pytest.raises(UnreadableAudio):
        await read_all(pool, path)
    await read_all(pool, ASK_NOT.path)


def write_flac_with_pictures(path: Path, n_pictures: int) -> None:
    """A recording with cover pictures of 16 MB each, all zeros."""
    sound = silence(1)
    size = (1 << 24) - 1
    about = struct.pack(">II9sIIIIII", 3, 9, b"image/png", 0, 1, 1, 24, 0, size - 41)
    with path.open("wb") as file:
        file.write(sound[:4] + bytes([sound[4] & 0x7F]) + sound[5:42])
        for _ in range(n_pictures):
            start = file.tell()
            file.write(b"\x06" + size.to_bytes(3, "big") + about)
            file.seek(start + 4 + size)
        file.write(b"\x84" + (40).to_bytes(3, "big") + struct.pack("<I32sI", 32, bytes(32), 0))
        file.write(sound[sound.index(b"\xff\xf8") :])


async def test_callers_wait_for_a_free_child_in_order(
    start_pool: StartPool, long_recording: Path
) -> None:
    pool = await start_pool()
    items = pool.read(long_recording)
    await first_block(items)
    waiting = [asyncio.create_task(read_all(pool, ASK_NOT.path)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert not any(task.done() for task in waiting)
    await items.aclose()
    await asyncio.gather(*waiting[1:])
    assert waiting[0].cancelled()


async def test_small_file_goes_before_large_ones_that_wait(
    start_pool: StartPool, long_recording: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.wav"
    large.write_bytes(wav(tone(SMALL_BYTES / 2 / SAMPLE_RATE + 1)))
    pool = await start_pool()
    items = pool.read(long_recording)
    await first_block(items)
    finished: list[str] = []

    async def read(name: str, path: Path) -> None:
        await read_all(pool, path)
        finished.append(name)

    async with asyncio.TaskGroup() as readers:
        readers.create_task(read("large", large))
        await asyncio.sleep(0.2)  # for the files' sizes to be known
        readers.create_task(read("small", ASK_NOT.path))
        await asyncio.sleep(0.2)
        await items.aclose()
    assert finished == ["small", "large"]


async def read_far_into(items: Recording) -> None:
    async with asyncio.timeout(60):
        async for item in items:
            assert isinstance(item, Block)
            if item.start >= LONG_S * SAMPLE_RATE:
                return


async def test_clip_does_not_wait_for_long_recordings(
    start_pool: StartPool, long_recording: Path
) -> None:
    pool = await start_pool(max_size=3)
    readers = [pool.read(long_recording) for _ in range(2)]
    for reader in readers:
        await read_far_into(reader)
        await read_all(pool, ASK_NOT.path)
    assert len(pool.pids) == 3
    for reader in readers:
        await reader.aclose()
    await eventually(lambda: len(pool.pids) == 1, "the others have ended")
    await read_all(pool, ASK_NOT.path)


async def test_long_recordings_are_beside_each_other_up_to_a_limit(
    start_pool: StartPool, long_recording: Path
) -> None:
    pool = await start_pool(max_size=2)
    readers = [pool.read(long_recording) for _ in range(2)]
    for reader in readers:
        await read_far_into(reader)
    waiting = asyncio.create_task(read_all(pool, ASK_NOT.path))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert len(pool.pids) == 2
    await readers[0].aclose()
    await waiting
    await readers[1].aclose()


async def test_head_tells_the_length(start_pool: StartPool) -> None:
    blocks, end = await read_all(await start_pool(), ASK_NOT.path)
    assert blocks[0].expected_s == pytest.approx(end.n_samples / SAMPLE_RATE, abs=0.1)


async def test_closed_pool_refuses_waiting_and_reading_callers(
    start_pool: StartPool, long_recording: Path
) -> None:
    pool = await start_pool()
    pids = pool.pids
    items = pool.read(long_recording)
    await first_block(items)
    waiting = [asyncio.create_task(read_all(pool, ASK_NOT.path)) for _ in range(2)]
    await asyncio.sleep(0)
    await pool.close()
    for task in waiting:
        with pytest.raises(Unavailable):
            await task
    with pytest.raises(Unavailable):
        async for _ in items:
            pass
    with pytest.raises(Unavailable):
        await read_all(pool, ASK_NOT.path)
    await pool.close()
    assert not any(is_alive(pid) for pid in pids)


async def test_pool_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    pool = FrontEndPool(2, tmp_path / "missing.onnx", DecodeLimits(), MEMORY_BYTES)
    with pytest.raises(EngineFailed, match=r"could not start: .*missing\.onnx"):
        await pool.start()
    assert pool.pids == frozenset()


async def test_length_is_limited_where_none_is_stated(
    start_pool: StartPool, tmp_path: Path
) -> None:
    path = tmp_path / "silence.flac"
    path.write_bytes(silence(61))
    pool = await start_pool(limits=DecodeLimits(max_audio_s=60))
    n_samples = 0
    with pytest.raises(TooLarge, match="the limit is 60 seconds"):
        async for item in pool.read(path):
            assert isinstance(item, Block)
            n_samples += len(item.waveform)
    assert n_samples <= 60 * SAMPLE_RATE


async def test_pool_reads_with_its_first_process_while_the_others_start() -> None:
    pool = FrontEndPool(3, vad_file(), DecodeLimits(), MEMORY_BYTES)
    try:
        await pool.start(n_first=1)
        assert len(pool.pids) == 1
        pool.fill()
        blocks, _ = await read_all(pool, ASK_NOT.path)
        assert blocks
        while len(pool.pids) < 3:
            await asyncio.sleep(0.05)
        pool.fill()
        await asyncio.sleep(0.2)
        assert len(pool.pids) == 3
    finally:
        await pool.close()
