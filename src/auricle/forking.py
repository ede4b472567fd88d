"""Processes that copy themselves: what one has loaded exists once, whoever uses it.

A fork server is a child process that loads what takes seconds and memory, and is then asked for
copies of itself (as Android's zygote is, and the server of Python's `multiprocessing`). A copy is
there in milliseconds and shares every page that neither of them writes to.

Here is the parent's end; the server's is `auricle.copying`.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Mapping
from typing import Self

from auricle.copying import COPY, PID
from auricle.frames import FrameError
from auricle.process_tree import is_exiting
from auricle.processes import Child, Link

IS_POSSIBLE = sys.platform == "linux"
GONE_S = 1.0
ORDERLY_END_S = 2.0


class ServerGone(OSError):
    """The fork server takes no requests any more."""


class Fork(Link):
    """The parent's end of a copy. Owner: whoever asked for it, who must `kill` it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: "ForkServer"
    ) -> None:
        super().__init__(reader, writer)
        self._server = server
        self._pid = 0

    @property
    def pid(self) -> int:
        """Process id; 0 until the copy has said that it is there."""
        return self._pid

    @property
    def is_doomed(self) -> bool:
        """Whether the server is gone: its copies end with it, one a little later than another."""
        return self._server.is_gone

    async def met(self) -> None:
        """Wait for the copy's first word.

        Raises:
            ConnectionError: it ended before.
            FrameError: it said something else.
        """
        frame = await self.receive()
        if frame is None:
            raise ConnectionError("a copy of the process ended at once")
        pid = frame.header.get("forked")
        if not isinstance(pid, int):
            raise FrameError("a copy's first frame names no process id")
        self._pid = pid

    async def kill(self) -> None:
        """End the copy at once. Safe to call again."""
        if self._pid:
            self._server.end(self._pid)
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


class ForkServer:
    """A running fork server. Owner: whoever started it, who must `kill` it; its copies end too."""

    def __init__(self, child: Child, control: socket.socket) -> None:
        self.child = child
        """The process itself; what it says before it takes requests is read here."""
        self._control = control
        self._has_copied = False

    @classmethod
    async def start(cls, module: str, *arguments: str, env: Mapping[str, str]) -> Self:
        """Run `python -m module arguments… FD`; it is to call `serve_forks(FD)` when loaded."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            fd = theirs.fileno()
            try:
                child = await Child.start(module, *arguments, str(fd), env=env, pass_fds=(fd,))
            except BaseException:
                ours.close()
                raise
        return cls(child, ours)

    async def fork(self) -> Fork:
        """A copy that has begun to run.

        Raises:
            ServerGone: it has to be started again.
            OSError: the copy ended at once.
            FrameError: the copy does not keep to the frames.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [COPY], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise ServerGone(str(error)) from error
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
        fork = Fork(reader, writer, self)
        try:
            await fork.met()
        except BaseException as error:
            await fork.kill()
            if isinstance(error, OSError) and await self._has_ended():
                raise ServerGone("it ended before it made a copy") from error
            raise
        self._has_copied = True
        return fork

    async def _has_ended(self) -> bool:
        """Whether it was the process that ended, and not a copy alone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GONE_S):
                await self.child.wait()
        return self.child.status is not None

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended or is about to.

        It never writes, so all that can be read is the end. Of several threads the first may be
        gone, and the copies it made with it, while others still hold the socket.
        """
        try:
            return not self._control.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return is_exiting(self.child.pid)
        except OSError:
            return True

    def let_go(self) -> Child:
        """The process as a child of the caller's: it will not be copied after all."""
        self._control.close()
        return self.child

    def end(self, pid: int) -> None:
        """Have a copy killed; one that is gone already is passed over."""
        with contextlib.suppress(OSError):  # the server is gone, and its copies with it
            self._control.send(PID.pack(pid))

    async def kill(self) -> None:
        """End the server and all its copies at once. Safe to call again."""
        self._control.close()
        if self._has_copied:  # it ends them in order, so that they leave nothing behind
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ORDERLY_END_S):
                    await self.child.wait()
        await self.child.kill()
