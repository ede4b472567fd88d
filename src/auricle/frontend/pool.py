"""Decoder processes, warm and confined: recordings in, blocks of audio with speech out.

A child decodes one recording at a time. Whatever a recording does to its child, the request
that brought it fails alone: the child is killed and replaced in the background.

A child waits while nobody takes its blocks, so a long recording keeps it as long as the engines
take. Others are started beside those, so that a clip always finds a free one; `Crew` counts.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

from auricle import telemetry
from auricle.audio.decode_limits import DecodeLimits
from auricle.errors import EngineFailed, Unavailable, UnreadableAudio
from auricle.frames import FrameError
from auricle.frontend.blocks import Block, ChildLost, RecordingEnd, parse
from auricle.frontend.crew import Crew
from auricle.frontend.idle import IdleWorkers
from auricle.frontend.starter import DecoderStarter
from auricle.frontend.worker import Worker

__all__ = ["Block", "DecodeLimits", "FrontEndPool", "RecordingEnd"]

SMALL_BYTES = 4 << 20
"""Files up to this size go before others that wait for a process."""
FIRST_RETRY_S = 0.1
MAX_RETRY_S = 5.0
"""Pause between attempts to start a child, doubling from the first to this."""

_logger = logging.getLogger(__name__)


class FrontEndPool:
    """Some decoder processes. `start` it, `close` it, `read` recordings between."""

    def __init__(
        self,
        size: int,
        vad_path: Path,
        limits: DecodeLimits,
        memory_bytes: int,
        *,
        max_size: int | None = None,
        stall_s: float = 120.0,
        max_recordings: int = 500,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            size: processes that are always kept.
            vad_path: the speech detector's ONNX file.
            limits: what a recording may ask for.
            memory_bytes: address space of a process beyond its start.
            max_size: processes at most, others being held by long recordings; default: `size`.
            stall_s: longest wait for a child's next block before it is taken for hung.
            max_recordings: after so many a process is replaced, so that slow leaks stay small.
        """
        self._crew = Crew(size, max_size or size)
        self._starter = DecoderStarter(vad_path, memory_bytes)
        self._limits = asdict(limits)
        self._stall_s = stall_s
        self._max_recordings = max_recordings
        self._idle = IdleWorkers()
        self._workers: set[Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._keys = itertools.count()
        self._is_closed = False

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the children."""
        return frozenset(worker.pid for worker in self._workers)

    async def start(self, n_first: int | None = None) -> None:
        """Start all processes, or the first few, and wait until each of them is ready.

        Args:
            n_first: how many; the others are started by `fill`.

        Raises:
            EngineFailed: one could not start; the message holds its reason.
        """
        starts = (self._add_worker() for _ in range(n_first or self._crew.size))
        results = await asyncio.gather(*starts, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            await self.close()
            reason = str(failures[0]).partition("\n")[0]
            raise EngineFailed(f"a decoder process could not start: {reason}") from failures[0]

    def fill(self) -> None:
        """Start those processes that are not there yet, in the background."""
        for _ in range(self._crew.size - len(self._workers)):
            self._in_background(self._start_one())

    async def close(self) -> None:
        """End all processes; readers still at it get `Unavailable`. Safe to call again."""
        self._is_closed = True
        self._idle.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.kill() for worker in self._workers))
        await self._starter.close()
        self._workers.clear()

    async def read(self, path: Path) -> AsyncGenerator[Block | RecordingEnd, None]:
        """Decode a file: its blocks in order, then one `RecordingEnd`.

        Waits for a free process, small files first. The process decodes no further ahead than
        its pipe holds; closing the generator frees it.

        Args:
            path: a file that stays as it is while it is read.

        Raises:
            UnreadableAudio: not audio, or decoding it took the process down.
            TooLarge: over a limit; the message names it.
            Unavailable: the pool is closed.
        """
        worker = await self._take_idle(path)
        key = next(self._keys)
        is_over = is_lost = False
        n_samples = 0
        hold = self._crew.hold()
        try:
            await worker.request(key, path, self._limits)
            while True:
                frame = await worker.receive(self._stall_s)
                is_over = "block" not in frame.header
                item = parse(frame, n_samples)
                if not isinstance(item, Block):
                    break
                n_samples += len(item.waveform)
                if hold.reaches(n_samples):
                    self._grow()
                yield item
        except ChildLost as error:
            is_lost = True
            raise self._explain(error) from error
        finally:
            hold.end()
            self._put_back(worker, key, is_over=is_over, is_lost=is_lost)
        yield item  # the child is free by now, however slowly the caller goes on

    def _explain(self, error: ChildLost) -> Unavailable | UnreadableAudio:
        if self._is_closed:
            return Unavailable("the server is shutting down")
        telemetry.log(_logger, logging.WARNING, "decoder.lost", reason=str(error))
        return UnreadableAudio("the decoder gave up on this recording")

    async def _take_idle(self, path: Path) -> Worker:
        n_bytes = (await asyncio.to_thread(path.stat)).st_size
        worker = await self._idle.take(is_small=n_bytes <= SMALL_BYTES)
        if worker is None:
            raise Unavailable("the server is shutting down")
        return worker

    def _set_idle(self, worker: Worker) -> None:
        worker.is_idle = True
        worker.listen().add_done_callback(lambda _: self._on_sign_of(worker))
        self._idle.put(worker)
        self._shrink()

    def _grow(self) -> None:
        """Start processes beside those that long recordings hold."""
        while self._crew.is_short and not self._is_closed:
            self._crew.size += 1
            self._in_background(self._start_one())

    def _shrink(self) -> None:
        """End idle processes that are no longer needed."""
        while self._crew.has_surplus and (worker := self._idle.pop()) is not None:
            worker.is_idle = False
            self._crew.size -= 1
            self._in_background(self._remove(worker))

    def _on_sign_of(self, worker: Worker) -> None:
        """An idle child has nothing to say: it ended, or was taken over and babbles."""
        if worker.is_idle and not self._is_closed:
            worker.is_idle = False
            telemetry.log(_logger, logging.WARNING, "decoder.lost", reason="while idle")
            self._in_background(self._replace(worker))

    def _put_back(self, worker: Worker, key: int, *, is_over: bool, is_lost: bool) -> None:
        if self._is_closed:
            return
        if is_lost or worker.is_worn:
            self._in_background(self._replace(worker))
        elif is_over:
            self._set_idle(worker)
        else:
            self._in_background(self._recover(worker, key))

    async def _recover(self, worker: Worker, key: int) -> None:
        """Make a child free again whose recording nobody reads on."""
        if await worker.stop(key):
            self._set_idle(worker)
        else:
            await self._replace(worker)

    async def _replace(self, worker: Worker) -> None:
        await self._remove(worker)
        await self._start_one()

    async def _start_one(self) -> None:
        pause_s = FIRST_RETRY_S
        while True:
            try:
                await self._add_worker()
            except ChildLost:
                _logger.exception("decoder.start_failed")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, MAX_RETRY_S)
            else:
                return

    async def _add_worker(self) -> None:
        try:
            worker = Worker(await self._starter.start(), self._max_recordings)
        except (OSError, FrameError) as error:
            raise ChildLost(str(error)) from error
        self._workers.add(worker)
        try:
            await worker.ready()
        except ChildLost:
            await self._remove(worker)
            raise
        self._set_idle(worker)

    async def _remove(self, worker: Worker) -> None:
        await worker.kill()  # if we are cancelled here, `close` does it again
        self._workers.discard(worker)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
