"""The engine side of the seam: a queue in front of worker processes that are kept alive."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace

from auricle import telemetry
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    EngineInfo,
    Failed,
    Final,
    Ticket,
    Utterance,
)
from auricle.engines.registry import EngineSpec
from auricle.errors import EngineFailed
from auricle.scheduling.ahead import EngineAhead
from auricle.scheduling.fair_queue import FairQueue
from auricle.scheduling.replay import RESTARTED, Replay
from auricle.scheduling.worker import Job, Worker
from auricle.scheduling.worker_starter import WorkerStarter

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 2
STALL_TIMEOUT_S = 180.0
FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 30.0
MIN_COST_S = 1.0  # what the smallest utterance costs, in seconds of audio


class Scheduler:
    """Gives utterances to workers in fair order, and the work of a dead worker to another.

    An utterance whose worker dies is tried once more. What the caller already has must come
    out again: the second try continues after it, or ends as `Failed`.
    """

    def __init__(self, spec: EngineSpec, n_workers: int, ahead: EngineAhead | None = None) -> None:
        self._starter = WorkerStarter(spec, ahead)
        self._n_workers = n_workers
        self._queue: FairQueue[Job] = FairQueue()
        self._workers: set[Worker] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._info: EngineInfo | None = None
        self.n_restarts = 0

    @property
    def info(self) -> EngineInfo:
        """What the engine can do; known once started."""
        if self._info is None:
            raise EngineFailed("bug: the scheduler was asked before it was started")
        return self._info

    @property
    def is_ready(self) -> bool:
        """Whether a worker is up that has proved an inference."""
        return bool(self._workers)

    @property
    def queue_length(self) -> int:
        """Utterances that wait for a slot."""
        return len(self._queue)

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers that are up."""
        return sorted(worker.pid for worker in self._workers)

    async def start(self) -> None:
        """Start all workers; returns when the first is ready.

        Raises:
            EngineFailed: the first worker does not come up.
        """
        first = await self._starter.start()
        self._info = first.info
        self._keepers.append(asyncio.create_task(self._keep(first)))
        for _ in range(self._n_workers - 1):
            self._keepers.append(asyncio.create_task(self._keep(None)))
        await asyncio.sleep(0)  # let the first worker take its place

    async def close(self) -> None:
        """End all workers; whoever still waits gets `Failed`."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._starter.close()
        while (job := self._queue.pop()) is not None:
            job.events.put_nowait(Failed("the server is shutting down"))

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        """See `auricle.engines.protocol.Submit`."""
        job = Job(utterance, options, ticket)
        replay = Replay()
        self._enqueue(job)
        try:
            while True:
                event = replay.pass_on(await job.events.get())
                if isinstance(event, Final):
                    event = replace(event, queue_s=job.queue_s)
                if event is not None:
                    yield event
                if isinstance(event, Final | Failed):
                    return
        finally:
            self._forget(job)

    def _enqueue(self, job: Job) -> None:
        job.queued_at_s = asyncio.get_running_loop().time()
        self._queue.push(job, job.ticket, max(MIN_COST_S, job.utterance.duration_s))
        self._dispatch()

    def _dispatch(self) -> None:
        """Fill free slots, the emptiest worker first."""
        while self._queue and self._workers:
            worker = max(self._workers, key=lambda candidate: candidate.free_slots)
            job = self._queue.pop(worker.takes)
            if job is None:
                return
            worker.assign(job)

    def _forget(self, job: Job) -> None:
        if not self._queue.discard(job, job.ticket):
            any(worker.cancel(job) for worker in self._workers)

    async def _keep(self, worker: Worker | None) -> None:
        """Keep one worker alive for ever; start over after a death, ever more slowly."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            if worker is None:
                try:
                    worker = await self._starter.start()
                except (EngineFailed, OSError) as error:
                    telemetry.log(log, logging.WARNING, "worker.start_failed", error=str(error))
                    await asyncio.sleep(backoff_s)
                    backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)
                    continue
            backoff_s = FIRST_BACKOFF_S
            await self._serve(worker)
            worker = None
            self.n_restarts += 1

    async def _serve(self, worker: Worker) -> None:
        self._workers.add(worker)
        self._dispatch()
        watchdog = asyncio.create_task(_kill_when_stalled(worker))
        try:
            await worker.run(self._dispatch)
            telemetry.log(log, logging.ERROR, "worker.died", pid=worker.pid, jobs=len(worker.jobs))
        finally:
            watchdog.cancel()
            self._workers.discard(worker)
            self._retry(worker)

    def _retry(self, worker: Worker) -> None:
        """What the dead worker held goes to another, once."""
        for job in worker.jobs.values():
            if job is None:
                continue
            if job.attempts < MAX_ATTEMPTS:
                job.events.put_nowait(RESTARTED)
                self._enqueue(job)
            else:
                job.events.put_nowait(Failed(f"{MAX_ATTEMPTS} workers died over this utterance"))
        worker.jobs.clear()


async def _kill_when_stalled(worker: Worker) -> None:
    """End a worker that has work but says nothing for too long."""
    loop = asyncio.get_running_loop()
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(STALL_TIMEOUT_S / 10)
            if worker.jobs and loop.time() - worker.last_heard_s > STALL_TIMEOUT_S:
                telemetry.log(log, logging.ERROR, "worker.stalled", pid=worker.pid)
                await worker.stop()
                return
