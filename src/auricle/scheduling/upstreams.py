"""The engine side of the seam where other servers run the model: a queue in front of upstreams.

As `Scheduler`, with servers in the place of processes: fair order, the least loaded first, and
another upstream where one fails. One that is not well is given nothing; what it has may end.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from auricle import telemetry
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    Failed,
    Final,
    Ticket,
    Utterance,
)
from auricle.engines.voxtral.text import plain_hypothesis
from auricle.engines.voxtral.vllm_dialect import UpstreamTrouble
from auricle.errors import AuricleError, EngineFailed, Unavailable, UpstreamFailed
from auricle.scheduling.fair_queue import FairQueue
from auricle.scheduling.replay import RESTARTED, Replay, Restarted

if TYPE_CHECKING:
    from auricle.engines.voxtral.vllm_upstream import VllmUpstream

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
PATIENCE_S = 10.0
"""How long an utterance waits at most while no upstream is well."""
PROBE_EVERY_S = 5.0
FIRST_BACKOFF_S, MAX_BACKOFF_S = 0.5, 30.0
"""Until an upstream that is not well is asked again."""
START_S = 12.0
"""How long a start waits to hear of all upstreams."""
MIN_COST_S = 1.0
KEPT_SLOTS = 1
"""Slots of an upstream that a request which already has work there leaves to others."""


@dataclass(slots=True, eq=False)
class _Errand:
    """One submitted utterance on its way. Owner: the scheduler."""

    utterance: Utterance
    options: DecodeOptions
    ticket: Ticket
    events: "asyncio.Queue[DecodeEvent | Restarted | AuricleError]" = field(
        default_factory=asyncio.Queue
    )
    tried: list["_Member"] = field(default_factory=list)
    queued_at_s: float = 0.0
    queue_s: float = 0.0


@dataclass(slots=True, eq=False)
class _Member:
    """An upstream, whether it is well, and what it has to do."""

    upstream: "VllmUpstream"
    is_up: bool = False
    n_failures: int = 0  # in a row
    doubt: asyncio.Event = field(default_factory=asyncio.Event)
    probed: asyncio.Event = field(default_factory=asyncio.Event)
    running: "dict[asyncio.Task[None], _Errand]" = field(default_factory=dict)

    @property
    def free_slots(self) -> int:
        return self.upstream.slots - len(self.running)

    @property
    def backoff_s(self) -> float:
        return float(min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(self.n_failures, 10)))

    def takes(self, errand: _Errand) -> bool:
        """Whether there is a slot; a request with work here leaves the last one to others."""
        kept = min(KEPT_SLOTS, self.upstream.slots - 1)
        has_work = any(
            held.ticket.request == errand.ticket.request for held in self.running.values()
        )
        return self.free_slots > (kept if has_work else 0)


class UpstreamScheduler:
    """Gives utterances of one model to the upstreams that serve it.

    An utterance that an upstream fails is tried on another, `MAX_ATTEMPTS` times in all. What the
    caller already has must come out again: the next try continues after it, or the request fails.
    """

    def __init__(self, model_id: str, upstreams: "Sequence[VllmUpstream]") -> None:
        self._model_id = model_id
        self._members = [_Member(upstream) for upstream in upstreams]
        self._queue: FairQueue[_Errand] = FairQueue()
        self._keepers: list[asyncio.Task[None]] = []
        self._is_closed = False

    @property
    def is_ready(self) -> bool:
        """Whether an upstream is well."""
        return any(member.is_up for member in self._members)

    @property
    def n_up(self) -> int:
        """How many upstreams are well."""
        return sum(member.is_up for member in self._members)

    @property
    def slots(self) -> int:
        """How many utterances all upstreams together are given at once."""
        return sum(member.upstream.slots for member in self._members)

    @property
    def queue_length(self) -> int:
        """Utterances that wait for a slot."""
        return len(self._queue)

    async def start(self) -> None:
        """Begin to watch the upstreams; returns when each has been asked once.

        That none is well is no error: they may come later, and it is in the log.
        """
        self._keepers = [asyncio.create_task(self._watch(each)) for each in self._members]
        with suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                for member in self._members:
                    await member.probed.wait()

    async def close(self) -> None:
        """Drop all work and all connections; whoever still waits is told to come again."""
        self._is_closed = True
        message = "the server is shutting down"
        self._refuse_queued(message)
        tasks = list(self._keepers)
        for member in self._members:
            for task, errand in member.running.items():
                errand.events.put_nowait(Unavailable(message))
                tasks.append(task)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for member in self._members:
            await member.upstream.close()

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        """See `auricle.engines.protocol.Submit`.

        Raises:
            Unavailable: no upstream is well.
            UpstreamFailed: those that were tried gave no usable answer.
        """
        errand = _Errand(utterance, options, ticket)
        replay = Replay()
        self._enqueue(errand)
        try:
            while True:
                given = await errand.events.get()
                if isinstance(given, AuricleError):
                    raise given
                event = replay.pass_on(given)
                if isinstance(event, Failed):
                    raise UpstreamFailed(f"model {self._model_id}: {event.reason}")
                if event is not None:
                    yield event
                if isinstance(event, Final):
                    return
        finally:
            self._forget(errand)

    def _enqueue(self, errand: _Errand) -> None:
        loop = asyncio.get_running_loop()
        errand.queued_at_s = loop.time()
        self._queue.push(errand, errand.ticket, max(MIN_COST_S, errand.utterance.duration_s))
        self._dispatch()
        if not self.is_ready:
            loop.call_later(PATIENCE_S, self._give_up_when_down)

    def _dispatch(self) -> None:
        """Fill free slots, of the least loaded upstream first."""
        while self._queue and (found := next(self._matches(), None)) is not None:
            member, errand = found
            errand.queue_s += asyncio.get_running_loop().time() - errand.queued_at_s
            errand.tried.append(member)
            task = asyncio.create_task(self._run(member, errand))
            member.running[task] = errand
            # Not at the end of `_run`: a task that is cancelled at once never gets there.
            task.add_done_callback(partial(self._settle, member))

    def _matches(self) -> Iterator[tuple[_Member, _Errand]]:
        ready = [member for member in self._members if member.is_up and member.free_slots > 0]
        for member in sorted(ready, key=lambda each: len(each.running) / each.upstream.slots):
            errand = self._queue.pop(partial(self._suits, member))
            if errand is not None:
                yield member, errand

    def _suits(self, member: _Member, errand: _Errand) -> bool:
        """Whether there is room, and no other upstream is left that has not yet been tried."""
        fresh = [each for each in self._members if each.is_up and each not in errand.tried]
        return member.takes(errand) and (member in fresh or not fresh)

    def _forget(self, errand: _Errand) -> None:
        if self._queue.discard(errand, errand.ticket):
            return
        for member in self._members:
            for task, held in member.running.items():
                if held is errand:
                    task.cancel()

    async def _run(self, member: _Member, errand: _Errand) -> None:
        language = errand.options.language or ""
        text = ""
        try:
            pieces = member.upstream.transcribe(errand.utterance, errand.options)
            async with aclosing(pieces):
                async for piece in pieces:
                    text += piece
                    errand.events.put_nowait(Delta(piece, language))
            member.n_failures = 0
            hypothesis = plain_hypothesis(
                text, errand.utterance.duration_s, errand.options.language
            )
            errand.events.put_nowait(Final(hypothesis, errand.queue_s))
        except UpstreamTrouble as trouble:
            self._note_trouble(member, trouble)
            self._try_again(errand, trouble)
        except Exception as error:
            log.exception("upstream.bug")
            errand.events.put_nowait(EngineFailed(f"bug: {error!r}"))

    def _settle(self, member: _Member, task: "asyncio.Task[None]") -> None:
        """A slot is free."""
        del member.running[task]
        if not self._is_closed:
            self._dispatch()

    def _try_again(self, errand: _Errand, trouble: UpstreamTrouble) -> None:
        if trouble.is_certain or len(errand.tried) >= MAX_ATTEMPTS:
            tries = "1 try" if len(errand.tried) == 1 else f"{len(errand.tried)} tries"
            errand.events.put_nowait(
                UpstreamFailed(
                    f"model {self._model_id}: the server that runs it gave no usable answer in "
                    f"{tries}: {trouble.reason}"
                )
            )
            return
        errand.events.put_nowait(RESTARTED)
        self._enqueue(errand)

    def _note_trouble(self, member: _Member, trouble: UpstreamTrouble) -> None:
        telemetry.log(
            log,
            logging.WARNING,
            "upstream.trouble",
            url=member.upstream.url,
            reason=trouble.reason,
            detail=trouble.detail or None,
        )
        if trouble.is_down:
            # All that a server had fails with it: that is one failure.
            member.n_failures += member.is_up or not member.running
            member.is_up = False
            member.doubt.set()
            asyncio.get_running_loop().call_later(PATIENCE_S, self._give_up_when_down)

    async def _watch(self, member: _Member) -> None:
        """Ask the upstream again and again; what it answers decides whether it is given work."""
        while True:
            try:
                await member.upstream.probe()
            except UpstreamTrouble as trouble:
                self._note_trouble(member, trouble)
            else:
                self._note_up(member)
            member.probed.set()
            if member.is_up:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PROBE_EVERY_S):
                        await member.doubt.wait()
            member.doubt.clear()
            if not member.is_up:
                await asyncio.sleep(member.backoff_s)

    def _note_up(self, member: _Member) -> None:
        if not member.is_up:
            telemetry.log(log, logging.INFO, "upstream.up", url=member.upstream.url)
        member.is_up = True
        self._dispatch()

    def _give_up_when_down(self) -> None:
        if not self.is_ready:
            self._refuse_queued(f"model {self._model_id}: no server that runs it is reachable")

    def _refuse_queued(self, message: str) -> None:
        while (errand := self._queue.pop()) is not None:
            errand.events.put_nowait(Unavailable(message, retry_after_s=5))
