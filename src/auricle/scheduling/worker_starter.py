"""Starts engine workers: as copies of one process that has loaded the engine, where that can be.

Copies share the packed weights, and one that died is replaced in milliseconds.
"""

import asyncio
import json
import logging
from dataclasses import asdict

from auricle import forking, telemetry
from auricle.engines.registry import ENVIRONMENTS, FORKING, EngineSpec
from auricle.errors import EngineFailed
from auricle.forking import ForkServer, ServerGone
from auricle.processes import Child, FrameError, Link
from auricle.scheduling.messages import Fatal, Ready, parse_from_worker
from auricle.scheduling.worker import Worker

log = logging.getLogger(__name__)

MODULE = "auricle.scheduling.worker_process"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For what is around an engine: only the engine itself may have more."""
START_TIMEOUT_S = 300.0
COPY_TIMEOUT_S = 30.0
"""Normal is a tenth of a second."""


class WorkerStarter:
    """Starts the workers of one engine. Owner: the scheduler, which closes it."""

    def __init__(self, spec: EngineSpec) -> None:
        """Nothing runs before the first worker is asked for."""
        self._spec = spec
        self._environ = {
            **ONE_THREAD,
            **ENVIRONMENTS.get(spec.engine, {}),
            "OMP_NUM_THREADS": str(spec.n_threads),
        }
        self._copies = forking.IS_POSSIBLE and spec.engine in FORKING and spec.n_threads == 1
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
                    return await _copy_of(self._server)
                except ServerGone:
                    await self._end_server()
                except (EngineFailed, OSError, FrameError, TimeoutError) as error:
                    self._copies = False
                    await self._end_server()
                    telemetry.log(log, logging.WARNING, "worker.copy_failed", error=repr(error))
        child = await Child.start(MODULE, self._spec_json(), env=self._environ)
        return Worker(child, (await _readiness(child, START_TIMEOUT_S)).info)

    async def close(self) -> None:
        """End the process that is copied, and its copies. Safe to call again."""
        await self._end_server()

    def _spec_json(self) -> str:
        return json.dumps(asdict(self._spec))

    async def _load(self) -> Worker | None:
        """Start the process that is copied; a worker if it turns out that it cannot be."""
        server = await ForkServer.start(MODULE, self._spec_json(), env=self._environ)
        try:
            ready = await _readiness(server.child, START_TIMEOUT_S)
        except BaseException:
            await server.kill()
            raise
        if ready.copies:
            self._server = server
            return None
        self._copies = False
        return Worker(server.let_go(), ready.info)

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
