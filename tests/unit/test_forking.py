"""A process that is copied: its copies, their ends, and its own."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from auricle.forking import Fork, ForkServer, ServerGone
from auricle.processes import Child
from harness.watching import eventually, is_alive

if sys.platform != "linux":
    pytest.skip("fork servers are Linux's", allow_module_level=True)

TESTS = str(Path(__file__).parents[1])
PATIENCE_S = 60
StartServer = Callable[[str], Awaitable[ForkServer]]


class CleanServer(ForkServer):
    """Kills the copies it was asked for at its own end."""

    def __init__(self, child: Child, control: socket.socket) -> None:
        super().__init__(child, control)
        self.copies: list[Fork] = []

    async def fork(self) -> Fork:
        self.copies.append(await super().fork())
        return self.copies[-1]

    async def kill(self) -> None:
        for copy in self.copies:
            await copy.kill()
        await super().kill()


@pytest.fixture
async def serving() -> AsyncIterator[StartServer]:
    """Starts processes whose copies behave in a manner (`harness.copying_child`)."""
    servers: list[ForkServer] = []

    async def start(manner: str) -> ForkServer:
        env = {"PYTHONPATH": TESTS}
        servers.append(await CleanServer.start("harness.copying_child", manner, env=env))
        return servers[-1]

    async with asyncio.timeout(PATIENCE_S):
        yield start
        for server in servers:
            await server.kill()
            assert not is_alive(server.child.pid)


async def test_copies_share_what_was_loaded_and_talk_alone(serving: StartServer) -> None:
    server = await serving("answers")
    copies = [await server.fork() for _ in range(3)]
    assert len({copy.pid for copy in copies}) == 3
    for copy in copies:
        frame = await copy.receive()
        assert frame is not None
        assert frame.header == {"loaded_by": server.child.pid, "parent": server.child.pid}
    for i, copy in enumerate(copies):
        await copy.send({"n": i}, bytes([i]) * 1_000_000)
    for i, copy in enumerate(copies):
        frame = await copy.receive()
        assert frame is not None
        assert (frame.header, frame.payload) == ({"n": i}, bytes([i]) * 1_000_000)


async def test_a_killed_copy_ends_alone_and_leaves_no_zombie(serving: StartServer) -> None:
    server = await serving("answers")
    first, second = await server.fork(), await server.fork()
    await first.kill()
    await eventually(lambda: not Path(f"/proc/{first.pid}").exists(), "the copy is gone")
    await first.receive()  # what it had said
    assert await first.receive() is None
    await first.kill()
    await second.send({"still": "there"})
    await second.receive()
    frame = await second.receive()
    assert frame is not None
    assert frame.header == {"still": "there"}


async def test_copies_that_end_all_at_once_cost_the_server_nothing(serving: StartServer) -> None:
    server = await serving("answers")
    for _ in range(5):
        copies = [await server.fork() for _ in range(30)]
        for copy in copies:
            os.kill(copy.pid, signal.SIGKILL)
        folders = [Path(f"/proc/{copy.pid}") for copy in copies]
        await eventually(lambda: not any(map(Path.exists, folders)), "they have been reaped")  # noqa: B023
    last = await server.fork()
    assert await last.receive() is not None


async def test_copies_end_with_their_server(serving: StartServer) -> None:
    server = await serving("answers")
    copy = await server.fork()
    os.kill(server.child.pid, signal.SIGKILL)
    await copy.receive()
    assert await copy.receive() is None
    await eventually(lambda: not is_alive(copy.pid), "the copy has ended")
    await copy.kill()
    with pytest.raises(ServerGone):
        await server.fork()


async def test_a_server_that_is_ended_takes_its_copies_along(serving: StartServer) -> None:
    server = await serving("hangs")
    copy = await server.fork()
    await ForkServer.kill(server)
    assert not Path(f"/proc/{copy.pid}").exists()


async def test_a_copy_that_ends_is_noticed(serving: StartServer) -> None:
    server = await serving("ends")
    copy = await server.fork()
    assert await copy.receive() is None
    await eventually(lambda: not Path(f"/proc/{copy.pid}").exists(), "it has been reaped")


async def test_a_copy_that_the_system_refuses_costs_the_others_nothing(
    serving: StartServer,
) -> None:
    server = await serving("short")
    first = await server.fork()
    with pytest.raises(OSError, match="ended at once"):
        await server.fork()
    third = await server.fork()
    assert is_alive(first.pid)
    assert is_alive(third.pid)


async def test_a_process_that_ends_before_it_is_copied(serving: StartServer) -> None:
    server = await serving("refuses")
    with pytest.raises(OSError, match=r"."):
        await server.fork()


async def test_whoever_stops_waiting_leaves_no_copy(serving: StartServer) -> None:
    server = await serving("answers")
    asking = asyncio.create_task(server.fork())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    children = Path(f"/proc/{server.child.pid}/task/{server.child.pid}/children")
    copy = await server.fork()
    await eventually(lambda: children.read_text().split() == [str(copy.pid)], "one copy is left")
