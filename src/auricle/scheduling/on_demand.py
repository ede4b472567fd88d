"""Engines that are started when somebody needs them, and ended when nobody does."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from auricle import telemetry
from auricle.engines.protocol import DecodeEvent, DecodeOptions, Ticket, Utterance
from auricle.errors import NotSupported, SettingsError, Unavailable
from auricle.scheduling.scheduler import Scheduler

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long an utterance waits for memory that other models hold."""
REST_S = 2.0
"""How long a model must have had nothing to do before another one may take its memory: between two
windows of a recording it is as good as busy."""
POLL_S = 0.25
RETRY_AFTER_S = 30


class Shelf:
    """The room for engines that are started on demand. Owner: the served models.

    Args:
        max_bytes: how much they may take together, by the size of their weights; None: no bound.
        unload_after_s: how long an engine without work stays.
    """

    def __init__(self, max_bytes: int | None, unload_after_s: float) -> None:
        self.max_bytes = max_bytes
        self._unload_after_s = unload_after_s
        self._changing = asyncio.Lock()
        self._places: list[OnDemand] = []
        self._reaper: asyncio.Task[None] | None = None

    def add(self, place: "OnDemand") -> None:
        """A further engine that is to find room here.

        Raises:
            SettingsError: it never will.
        """
        if self.max_bytes is not None and place.n_bytes > self.max_bytes:
            raise SettingsError(
                f"model {place.name} has {place.n_bytes} bytes of weights, and max_loaded_bytes "
                f"is {self.max_bytes}",
                param="max_loaded_bytes",
            )
        self._places.append(place)

    async def start(self) -> None:
        """Begin to end what nobody uses."""
        self._reaper = asyncio.create_task(self._reap())

    async def close(self) -> None:
        """End all engines."""
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
        for place in self._places:
            await place.unload()

    async def load(self, place: "OnDemand") -> Scheduler:
        """The engine of a place, started if need be, others ended to make room.

        Raises:
            Unavailable: the others were busy for too long.
            EngineFailed: it does not start.
        """
        deadline_s = _now_s() + PATIENCE_S
        while True:
            if running := place.running():  # not behind the lock, while another one starts
                return running
            async with self._changing:
                if running := place.running():
                    return running
                if await self._has_room_for(place):
                    return await place.start_engine()
            if _now_s() > deadline_s:
                raise Unavailable(
                    f"model {place.name}: other models take the memory that it needs",
                    retry_after_s=RETRY_AFTER_S,
                )
            await asyncio.sleep(POLL_S)

    async def _has_room_for(self, place: "OnDemand") -> bool:
        """End resting engines, the longest unused first, until there is room, if that helps."""
        if self.max_bytes is None:
            return True
        loaded = [each for each in self._places if each.running()]
        resting = [each for each in loaded if each.rested_s >= REST_S]
        too_much = sum(each.n_bytes for each in loaded) + place.n_bytes - self.max_bytes
        if too_much > sum(each.n_bytes for each in resting):
            return False
        for each in sorted(resting, key=lambda each: -each.rested_s):
            if too_much > 0 and each.rested_s >= REST_S:  # still
                too_much -= each.n_bytes
                await each.unload()
        return too_much <= 0

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(min(self._unload_after_s, 10.0) / 2)
            async with self._changing:
                for place in self._places:
                    if place.running() and place.rested_s >= self._unload_after_s:
                        await place.unload()


class OnDemand:
    """An engine that comes and goes. Owner: its shelf.

    Args:
        name: of the model, for messages.
        n_bytes: size of its weights.
        make: a scheduler that is not started yet.
        shelf: where it finds room.

    Raises:
        SettingsError: see `Shelf.add`.
    """

    def __init__(
        self, name: str, n_bytes: int, make: Callable[[], Scheduler], shelf: Shelf
    ) -> None:
        self.name = name
        self.n_bytes = n_bytes
        self._scheduler: Scheduler | None = None
        self._make = make
        self._shelf = shelf
        self._n_users = 0
        self._used_s = 0.0
        shelf.add(self)

    def running(self) -> Scheduler | None:
        """The engine, if it is loaded."""
        return self._scheduler

    @property
    def rested_s(self) -> float:
        """For how long it has had nothing to do, in seconds."""
        return 0.0 if self._n_users else _now_s() - self._used_s

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        """See `auricle.engines.protocol.Submit`.

        Raises:
            Unavailable, EngineFailed: see `Shelf.load`.
            NotSupported: the engine that took over at the start knows no context bias.
        """
        async with self._in_use():
            scheduler = await self._shelf.load(self)
            if options.context_bias and not scheduler.info.context_bias:
                raise NotSupported(
                    f"context_bias: engine {scheduler.info.name} cannot be told what to expect",
                    param="context_bias",
                )
            async with aclosing(scheduler.submit(utterance, options, ticket)) as events:
                async for event in events:
                    yield event

    async def start_engine(self) -> Scheduler:
        """Start; only the shelf calls this, one at a time."""
        scheduler = self._make()
        try:
            await scheduler.start()
        except BaseException:
            await scheduler.close()
            raise
        self._scheduler = scheduler
        self._used_s = _now_s()
        telemetry.log(log, logging.INFO, "model.loaded", model=self.name)
        return scheduler

    async def unload(self) -> None:
        """End the engine, if it runs."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            await scheduler.close()
            telemetry.log(log, logging.INFO, "model.unloaded", model=self.name)

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[None]:
        self._n_users += 1
        try:
            yield
        finally:
            self._n_users -= 1
            self._used_s = _now_s()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
