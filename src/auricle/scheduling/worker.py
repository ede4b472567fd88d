"""The API process's end of one engine worker process."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

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
from auricle.frames import FrameError
from auricle.processes import Link
from auricle.scheduling.messages import (
    Cancel,
    Cancelled,
    Fatal,
    FromWorker,
    Join,
    Ready,
    to_header,
)
from auricle.scheduling.replay import Restarted
from auricle.scheduling.replies import parse_from_worker

log = logging.getLogger(__name__)


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
    """A running worker and the jobs in its slots. Made by a `WorkerStarter`, ended by `stop`."""

    def __init__(self, link: Link, info: EngineInfo) -> None:
        self._link = link
        self.info = info
        self.jobs: dict[int, Job | None] = {}  # None: cancelled, its slot not yet free
        self._keys = itertools.count()
        self._outbox: asyncio.Queue[tuple[int, Job | None]] = asyncio.Queue()
        self.last_heard_s = asyncio.get_running_loop().time()

    @property
    def pid(self) -> int:
        """Process id, for the log and for tests."""
        return self._link.pid

    @property
    def free_slots(self) -> int:
        """How many more jobs it takes now; none if it is about to end."""
        return 0 if self._link.is_doomed else self.info.slots - len(self.jobs)

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
            while (frame := await self._link.receive()) is not None:
                self.last_heard_s = asyncio.get_running_loop().time()
                if self._handle(parse_from_worker(frame.header)):
                    on_slot_free()
        except (FrameError, ValueError) as error:
            telemetry.log(log, logging.WARNING, "worker.broken", pid=self.pid, error=repr(error))
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await self._link.kill()

    async def stop(self) -> None:
        """End the process at once."""
        await self._link.kill()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):  # `run` notices the end by itself
            while True:
                key, job = await self._outbox.get()
                if job is None:
                    await self._link.send(to_header(Cancel(key=key)))
                elif self.jobs.get(key) is not None:
                    samples = np.ascontiguousarray(job.utterance.waveform, np.float32)
                    join = Join(key=key, speech=job.utterance.speech, options=job.options)
                    await self._link.send(to_header(join), samples.data.cast("B"))
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
