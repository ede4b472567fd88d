"""The parent's side of a child that misbehaves."""

import asyncio
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from auricle.frames import Frame
from auricle.frontend.blocks import ChildLost
from auricle.frontend.worker import Worker
from auricle.processes import Child
from harness.watching import is_alive

StartBabbling = Callable[[bytes], Awaitable[Worker]]
TESTS = str(Path(__file__).parents[2])
DEADLINE_S = 60.0


def framed(header: bytes, payload: bytes = b"") -> bytes:
    return struct.pack("<II", len(header), len(payload)) + header + payload


@pytest_asyncio.fixture
async def babbling() -> AsyncGenerator[StartBabbling, None]:
    """Starts children that send the given bytes and then wait."""
    workers: list[Worker] = []

    async def start(sent: bytes) -> Worker:
        child = await Child.start("harness.babbling_child", sent.hex(), env={"PYTHONPATH": TESTS})
        workers.append(Worker(child, max_recordings=10))
        return workers[-1]

    yield start
    for worker in workers:
        await worker.kill()
        assert not is_alive(worker.pid)


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff" * 100,
        framed(b"no json"),
        framed(b"[1]"),
        framed(b'{"fault": "MemoryError"}'),
        framed(b'{"fault": ""}'),
    ],
    ids=["random", "no JSON", "no object", "fault", "empty fault"],
)
async def test_broken_framing_loses_the_child(babbling: StartBabbling, sent: bytes) -> None:
    worker = await babbling(sent)
    with pytest.raises(ChildLost):
        await worker.receive(DEADLINE_S)


async def test_frame_that_never_ends_is_waited_for_no_longer_than_told(
    babbling: StartBabbling,
) -> None:
    worker = await babbling(framed(b'{"block": 0}', bytes(100))[:-1])
    with pytest.raises(ChildLost, match=r"nothing came for 0\.5 s"):
        await worker.receive(0.5)


async def test_child_that_ended_is_lost(babbling: StartBabbling) -> None:
    worker = await babbling(b"")
    await worker.kill()
    with pytest.raises(ChildLost, match="the process ended"):
        await worker.receive(DEADLINE_S)
    with pytest.raises(ChildLost):
        await worker.request(0, Path("x"), {})


async def test_cancelled_receipt_loses_no_frame(babbling: StartBabbling) -> None:
    worker = await babbling(framed(b'{"block": 0}', b"sound") + framed(b'{"end": 0}'))
    waiting = asyncio.create_task(worker.receive(DEADLINE_S))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await worker.receive(DEADLINE_S) == Frame({"block": 0}, b"sound")
    assert await worker.receive(DEADLINE_S) == Frame({"end": 0})


async def test_child_that_does_not_speak_of_readiness_is_lost(babbling: StartBabbling) -> None:
    worker = await babbling(framed(b'{"ready": true}'))
    with pytest.raises(ChildLost, match="readiness"):
        await worker.ready()


async def test_stopped_child_is_free_after_its_last_frame(babbling: StartBabbling) -> None:
    worker = await babbling(framed(b'{"block": 0}', bytes(30_000)) + framed(b'{"stopped": 0}'))
    assert await worker.stop(0) is True


async def test_child_that_grew_is_worn(babbling: StartBabbling) -> None:
    ready = framed(b'{"ready": true, "resident_bytes": 1000}')
    small, large = (framed(b'{"end": 0, "resident_bytes": %d}' % n) for n in (2_000, 1 << 28))
    worker = await babbling(ready + small + large)
    await worker.ready()
    await worker.receive(DEADLINE_S)
    worn = [worker.is_worn]
    await worker.receive(DEADLINE_S)
    assert [*worn, worker.is_worn] == [False, True]
