"""The API process's end of one engine worker process."""

import asyncio
import contextlib
import itertools
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np

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
from auricle.engines.registry import ENVIRONMENTS, EngineSpec
from auricle.errors import EngineFailed
from auricle.processes import Child, FrameError
from auricle.scheduling.messages import (
    Cancel,
    Cancelled,
    Fatal,
    FromWorker,
    Join,
    Ready,
    parse_from_worker,
    to_header,
)
from auricle.scheduling.replay import Restarted

log = logging.getLogger(__name__)

MODULE = "auricle.scheduling.worker_process"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For what is around an engine: only the engine itself may have more."""


@dataclass(slots=True, eq=False)
class Job:
    """One submitted utterance on its way. Owner: the scheduler.

    `queued_at_s` is when it joined the queue, on the loop's clock; `queue_s` is how long it has
    waited there in all.
    """

    utterance: Utterance
    options: DecodeOptions
    ticket: Ticket
    events: "asyncio.Queue[DecodeEvent | Restarted]" = field(default_factory=asyncio.Queue)
    attempts: int = 0
    queued_at_s: float = 0.0
    queue_s: float = 0.0


class Worker:
    """A running worker and the jobs in its slots. Made by `start`, ended by `stop`."""

    def __init__(self, child: Child, info: EngineInfo) -> None:
        self._child = child
        self.info = info
        self.jobs: dict[int, Job | None] = {}  # None: cancelled, its slot not yet free
        self._keys = itertools.count()
        self._outbox: asyncio.Queue[tuple[int, Job | None]] = asyncio.Queue()
        self.last_heard_s = asyncio.get_running_loop().time()

    @classmethod
    async def start(cls, spec: EngineSpec, timeout_s: float) -> "Worker":
        """Start a worker and wait until its first inference went through.

        Raises:
            EngineFailed: it did not get there; the message says why.
        """
        environ = {
            **ONE_THREAD,
            **ENVIRONMENTS.get(spec.engine, {}),
            "OMP_NUM_THREADS": str(spec.n_threads),
        }
        child = await Child.start(MODULE, json.dumps(asdict(spec)), env=environ)
        try:
            async with asyncio.timeout(timeout_s):
                frame = await child.receive()
            message = None if frame is None else parse_from_worker(frame.header)
        except (TimeoutError, FrameError, ValueError, asyncio.CancelledError) as error:
            await child.kill()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise EngineFailed(f"engine worker did not start: {error!r}") from error
        if isinstance(message, Ready):
            return cls(child, message.info)
        status = await child.kill()
        reason = message.reason if isinstance(message, Fatal) else f"it ended with status {status}"
        raise EngineFailed(f"engine worker did not start: {reason}")

    @property
    def pid(self) -> int:
        """Process id, for the log and for tests."""
        return self._child.pid

    @property
    def free_slots(self) -> int:
        """How many more jobs it takes now."""
        return self.info.slots - len(self.jobs)

    def takes(self, job: Job) -> bool:
        """Whether there is a slot for this job.

        A request that already has work here leaves the last slots to others: a short clip must
        not wait until one of a long file's windows is done.
        """
        kept = self.info.slots - self.info.slots_of_a_request
        has_work = any(
            held is not None and held.ticket.request == job.ticket.request
            for held in self.jobs.values()
        )
        return self.free_slots > (kept if has_work else 0)

    def assign(self, job: Job) -> None:
        """Put a job into a free slot."""
        now = asyncio.get_running_loop().time()
        job.queue_s += now - job.queued_at_s
        if not self.jobs:
            self.last_heard_s = now
        key = next(self._keys)
        job.attempts += 1
        self.jobs[key] = job
        self._outbox.put_nowait((key, job))

    def cancel(self, job: Job) -> bool:
        """Nobody waits for the job any more; its slot frees when the worker says so."""
        for key, held in self.jobs.items():
            if held is job:
                self.jobs[key] = None
                self._outbox.put_nowait((key, None))
                return True
        return False

    async def run(self, on_slot_free: Callable[[], None]) -> None:
        """Exchange messages until the process ends. The jobs it held stay in `jobs`."""
        writer = asyncio.create_task(self._write())
        try:
            while (frame := await self._child.receive()) is not None:
                self.last_heard_s = asyncio.get_running_loop().time()
                if self._handle(parse_from_worker(frame.header)):
                    on_slot_free()
        except (FrameError, ValueError) as error:
            telemetry.log(log, logging.WARNING, "worker.broken", pid=self.pid, error=repr(error))
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await self._child.kill()

    async def stop(self) -> None:
        """End the process at once."""
        await self._child.kill()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):  # `run` notices the end by itself
            while True:
                key, job = await self._outbox.get()
                if job is None:
                    await self._child.send(to_header(Cancel(key=key)))
                elif self.jobs.get(key) is not None:
                    samples = np.ascontiguousarray(job.utterance.waveform, np.float32)
                    join = Join(key=key, speech=job.utterance.speech, options=job.options)
                    await self._child.send(to_header(join), samples.data.cast("B"))
                else:
                    self.jobs.pop(key, None)  # cancelled before it was sent

    def _handle(self, message: FromWorker) -> bool:
        """Pass an event on; whether a slot became free."""
        if isinstance(message, Ready | Fatal):
            return False
        if isinstance(message, Cancelled):
            self.jobs.pop(message.key, None)
            return True
        job = self.jobs.get(message.key)
        event = message.event()
        if job is not None:
            job.events.put_nowait(event)
        if isinstance(event, Final | Failed):
            self.jobs.pop(message.key, None)
            return True
        return False
