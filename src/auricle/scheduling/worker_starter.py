"""Starts engine workers: as copies of one process that has loaded the engine, where that can be.

Copies share the packed weights, and one that died is replaced in milliseconds.
"""

import asyncio
import logging

from auricle import forking, telemetry
from auricle.engines.environments import environment_of
from auricle.engines.registry import EngineSpec, can_be_copied
from auricle.errors import EngineFailed
from auricle.forking import ForkServer, ServerGone
from auricle.frames import FrameError
from auricle.processes import Child, Link
from auricle.scheduling.ahead import MODULE, EngineAhead, tell
from auricle.scheduling.messages import Fatal, Ready
from auricle.scheduling.replies import parse_from_worker
from auricle.scheduling.worker import Worker

log = logging.getLogger(__name__)

START_TIMEOUT_S = 300.0
COPY_TIMEOUT_S = 30.0
"""Normal is a tenth of a second."""


class WorkerStarter:
    """Starts the workers of one engine. Owner: the scheduler, which closes it.

    Args:
        spec: what they are to load.
        ahead: a process that waits for this spec, or loads it, to be used or ended.
    """

    def __init__(self, spec: EngineSpec, ahead: EngineAhead | None = None) -> None:
        """Nothing is loaded before the first worker is asked for."""
        self._spec = spec
        self._ahead = ahead
        self._environ = environment_of(spec.engine, spec.n_threads)
        self._copies = forking.IS_POSSIBLE and can_be_copied(spec)
        self._has_copied = False
        self._server: ForkServer | None = None
        self._copying = asyncio.Lock()

    async def start(self) -> Worker:
        """A new worker that has proved an inference.

        Raises:
            EngineFailed: it did not get there; the message says why.
            OSError: no process can be started.
        """
        async with self._copying:
            while self._copies:
                if self._server is None and (worker := await self._load()) is not None:
                    return worker
                assert self._server is not None  # noqa: S101 (just loaded)
                try:
                    worker = await _copy_of(self._server)
                except ServerGone:
                    await self._end_server()
                except (EngineFailed, OSError, FrameError, TimeoutError) as error:
                    if self._has_copied:  # others work: this one had bad luck
                        raise EngineFailed(f"a copied worker did not start: {error!r}") from error
                    telemetry.log(log, logging.WARNING, "worker.copy_failed", error=repr(error))
                    self._copies = False
                    await self._end_server()
                else:
                    self._has_copied = True
                    return worker
        await self._end_ahead()
        child = await Child.start(MODULE, env=self._environ)
        await tell(child, self._spec)
        return Worker(child, (await _readiness(child, START_TIMEOUT_S)).info)

    async def close(self) -> None:
        """End the process that is copied, and its copies. Safe to call again."""
        await self._end_ahead()
        await self._end_server()

    async def _load(self) -> Worker | None:
        """Start the process that is copied; a worker if it turns out that it cannot be."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.told not in {None, self._spec}:
            await ahead.kill()
            ahead = None
        ahead = ahead or EngineAhead(await ForkServer.start(MODULE, env=self._environ))
        server = ahead.server
        try:
            if ahead.told is None:
                await ahead.tell(self._spec)
            ready = await _readiness(server.child, START_TIMEOUT_S)
        except BaseException:
            await server.kill()
            raise
        if ready.copies:
            self._server = server
            return None
        self._copies = False
        return Worker(server.let_go(), ready.info)

    async def _end_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await ahead.kill()

    async def _end_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.kill()


async def _copy_of(server: ForkServer) -> Worker:
    async with asyncio.timeout(COPY_TIMEOUT_S):
        fork = await server.fork()
    return Worker(fork, (await _readiness(fork, COPY_TIMEOUT_S)).info)


async def _readiness(link: Link, timeout_s: float) -> Ready:
    """What a new process says first; without it the process is ended.

    Raises:
        EngineFailed: it is not ready; the message says why.
    """
    try:
        async with asyncio.timeout(timeout_s):
            frame = await link.receive()
        message = None if frame is None else parse_from_worker(frame.header)
    except (TimeoutError, FrameError, ValueError, asyncio.CancelledError) as error:
        await link.kill()
        if isinstance(error, asyncio.CancelledError):
            raise
        raise EngineFailed(f"engine worker did not start: {error!r}") from error
    if isinstance(message, Ready):
        return message
    await link.kill()
    if isinstance(message, Fatal):
        raise EngineFailed(f"engine worker did not start: {message.reason}")
    raise EngineFailed(f"engine worker did not start: it ended {_how(link)}")


def _how(link: Link) -> str:
    return f"with status {link.status}" if isinstance(link, Child) else "at once"
