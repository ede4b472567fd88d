"""Starts decoder processes: as copies of one that has loaded everything, where that can be.

Copies share what they do not write to, and the next is there at once when a file took one down.
"""

import asyncio
import os
from pathlib import Path

from auricle import forking
from auricle.forking import ForkServer, ServerGone
from auricle.frontend.blocks import ChildLost, described
from auricle.frontend.worker import START_TIMEOUT_S
from auricle.processes import Child, Link

MODULE = "auricle.frontend.child"
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}  # numpy's threads would only take memory


class DecoderStarter:
    """Starts decoder processes. Owner: the pool, which closes it.

    Args:
        vad_path: the speech detector's ONNX file.
        memory_bytes: address space of a process beyond its start.
    """

    def __init__(self, vad_path: Path, memory_bytes: int) -> None:
        """Nothing runs before the first process is asked for."""
        self._arguments = str(vad_path), str(memory_bytes), str(os.getpid())
        self._server: ForkServer | None = None
        self._fault = ""
        self._starting = asyncio.Lock()

    async def start(self) -> Link:
        """A process that will say that it is ready.

        Raises:
            ChildLost: it did not get there; the next attempt loads anew.
            OSError: no process can be started.
            FrameError: it does not keep to the frames.
        """
        if not forking.IS_POSSIBLE:
            return await Child.start(MODULE, *self._arguments, env=ENVIRONMENT)
        server = await self._loaded()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                return await server.fork()
        except TimeoutError as error:
            raise ChildLost(f"no copy in {START_TIMEOUT_S:g} s") from error
        except ServerGone as error:
            await self._forget(server)
            raise ChildLost(self._fault or str(error)) from error

    async def close(self) -> None:
        """End the process that is copied, and its copies. Safe to call again."""
        server, self._server = self._server, None
        if server is not None:
            await server.kill()

    async def _loaded(self) -> ForkServer:
        """The process that is copied; what it is asked waits until it has loaded."""
        async with self._starting:
            if self._server is None:
                self._server = await ForkServer.start(MODULE, *self._arguments, env=ENVIRONMENT)
            return self._server

    async def _forget(self, server: ForkServer) -> None:
        """Drop a process that ended; keep what it said."""
        async with self._starting:
            if self._server is server:
                self._server = None
                frame = await server.child.receive()
                self._fault = described(frame.header) if frame and "fault" in frame.header else ""
                await server.kill()
