"""Decoder processes, warm and confined: recordings in, blocks of audio with speech out.

A child decodes one recording at a time. Whatever a recording does to its child, the request
that brought it fails alone: the child is killed and replaced in the background.
"""

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncGenerator, Coroutine, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.audio.decode import DecodeLimits
from auricle.audio.waveform import Waveform
from auricle.errors import EngineFailed, TooLarge, Unavailable, UnreadableAudio
from auricle.processes import Child, Frame, FrameError
from auricle.vad.segmenter import FRAME_LENGTH

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
"""How long a child may take to drop a recording whose reader left, before it is killed."""
MAX_RETRY_S = 5.0
MAX_RECORDINGS = 500
"""A child is replaced after this many, so that slow leaks stay small."""
MAX_GROWTH_BYTES = 128 << 20
MAX_BLOCK_SAMPLES = 1 << 20
MAX_MESSAGE = 500  # characters

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a recording.

    `start` is its first sample at 16 kHz; `speech` has one probability (0..1) for each
    FRAME_LENGTH samples of `waveform`, the last of which may be incomplete in the last block.
    """

    start: int
    waveform: Waveform
    speech: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RecordingEnd:
    """The whole recording was read. Seconds are processor time; notices say what it had lost."""

    n_samples: int
    notices: tuple[str, ...]
    decode_s: float
    vad_s: float


class _ChildLost(Exception):  # noqa: N818 (never leaves this module)
    """The child died, hung, or sent nonsense."""


@dataclass(slots=True, eq=False)
class _Worker:
    """A child and its use so far. Owner: the pool while idle, else one `read`."""

    child: Child
    resident_bytes: int
    n_recordings: int = 0
    n_samples: int = 0  # of the recording in work, received so far
    is_worn: bool = False


class FrontEndPool:
    """A fixed number of decoder processes. `start` it, `close` it, `read` recordings between."""

    def __init__(
        self,
        size: int,
        vad_path: Path,
        limits: DecodeLimits,
        memory_bytes: int,
        *,
        stall_s: float = 120.0,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            size: processes, and so recordings read at once.
            vad_path: the speech detector's ONNX file.
            limits: what a recording may ask for.
            memory_bytes: address space of a process beyond its start.
            stall_s: longest wait for a child's next block before it is taken for hung.
        """
        self._size = size
        self._arguments = (str(vad_path), str(memory_bytes), str(os.getpid()))
        self._limits = asdict(limits)
        self._stall_s = stall_s
        self._idle: asyncio.Queue[_Worker | None] = asyncio.Queue()  # None: closed
        self._workers: set[_Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._keys = itertools.count()
        self._is_closed = False

    async def start(self) -> None:
        """Start all processes and wait until each is ready.

        Raises:
            EngineFailed: one could not start; its reason is on standard error.
        """
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await asyncio.gather(*(self._add_worker() for _ in range(self._size)))
        except (_ChildLost, OSError, TimeoutError) as error:
            await self.close()
            raise EngineFailed(f"a decoder process could not start: {error}") from error

    async def close(self) -> None:
        """End all processes; readers still at it get `Unavailable`. Safe to call again."""
        self._is_closed = True
        self._idle.put_nowait(None)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.child.kill() for worker in self._workers))
        self._workers.clear()

    async def read(self, path: Path) -> AsyncGenerator[Block | RecordingEnd, None]:
        """Decode a file: its blocks in order, then one `RecordingEnd`.

        Waits for a free process. The process decodes no further ahead than its pipe holds;
        closing the generator frees it.

        Args:
            path: a file that stays as it is while it is read.

        Raises:
            UnreadableAudio: not audio, or decoding it took the process down.
            TooLarge: over a limit; the message names it.
            Unavailable: the pool is closed.
        """
        worker = await self._take_idle()
        key = next(self._keys)
        is_over = False  # the child has sent its last frame for this recording
        try:
            await worker.child.send({"read": key, "path": str(path), "limits": self._limits})
            worker.n_samples = 0
            while not is_over:
                frame = await self._receive(worker)
                is_over = "block" not in frame.header
                yield _parse(frame, worker)
        except (_ChildLost, ConnectionError) as error:
            if self._is_closed:
                raise Unavailable("the server is shutting down") from error
            _logger.warning("decoder.lost", extra={"reason": str(error)})
            raise UnreadableAudio("the decoder gave up on this recording") from error
        finally:
            if is_over and not worker.is_worn:
                self._idle.put_nowait(worker)
            else:
                self._in_background(self._recover(worker, None if is_over else key))

    async def _take_idle(self) -> _Worker:
        while worker := await self._idle.get():
            if not worker.child.exited:
                return worker
            self._in_background(self._replace(worker))  # it died while idle
        self._idle.put_nowait(None)  # for the next who waits
        raise Unavailable("the server is shutting down")

    async def _receive(self, worker: _Worker) -> Frame:
        try:
            async with asyncio.timeout(self._stall_s):
                frame = await worker.child.receive()
        except TimeoutError as error:
            raise _ChildLost(f"nothing came for {self._stall_s:g} s") from error
        except FrameError as error:
            raise _ChildLost(str(error)) from error
        if frame is None:
            raise _ChildLost("the process ended")
        if "fault" in frame.header:
            raise _ChildLost(f"fault in the process:\n{frame.header['fault']}")
        return frame

    async def _add_worker(self) -> None:
        child = await Child.start(
            "auricle.frontend.child", *self._arguments, env={"OPENBLAS_NUM_THREADS": "1"}
        )
        worker = _Worker(child, 0)
        self._workers.add(worker)
        try:
            worker.resident_bytes = int((await self._receive(worker)).header["resident_bytes"])
        except BaseException:
            self._workers.discard(worker)
            await child.kill()
            raise
        self._idle.put_nowait(worker)

    async def _recover(self, worker: _Worker, key: int | None) -> None:
        """Make a child free again whose recording (`key`) nobody reads on; None: replace it."""
        if key is not None and await self._has_stopped(worker, key):
            self._idle.put_nowait(worker)
        else:
            await self._replace(worker)

    async def _has_stopped(self, worker: _Worker, key: int) -> bool:
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await worker.child.send({"stop": key})
                while "block" in (await self._receive(worker)).header:
                    pass
        except (_ChildLost, ConnectionError, TimeoutError):
            return False
        return True

    async def _replace(self, worker: _Worker) -> None:
        await worker.child.kill()
        self._workers.discard(worker)
        pause_s = 0.1
        while not self._is_closed:
            try:
                async with asyncio.timeout(START_TIMEOUT_S):
                    await self._add_worker()
            except (_ChildLost, OSError, TimeoutError):
                _logger.exception("decoder.start_failed")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, MAX_RETRY_S)
            else:
                return

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _parse(frame: Frame, worker: _Worker) -> Block | RecordingEnd:
    """A child's frame, checked: the child may have been taken over by what it decodes."""
    header = frame.header
    try:
        if "block" in header:
            return _parse_block(header["start"], header["n_samples"], frame.payload, worker)
        if "end" in header:
            return _parse_end(header, worker)
        message = str(header["message"])[:MAX_MESSAGE]
        raise {"unreadable": UnreadableAudio, "too_large": TooLarge}[header["reason"]](message)
    except (KeyError, TypeError, ValueError) as error:
        raise _ChildLost(f"unexpected frame: {error!r}") from error


def _parse_block(
    start: object, n_samples: object, payload: bytes | memoryview, worker: _Worker
) -> Block:
    if start != worker.n_samples or not isinstance(n_samples, int):
        raise ValueError("blocks out of order")
    if not 0 < n_samples <= MAX_BLOCK_SAMPLES:
        raise ValueError(f"block of {n_samples} samples")
    values = np.frombuffer(payload, np.float32)
    if len(values) != n_samples + -(-n_samples // FRAME_LENGTH):
        raise ValueError(f"{len(values)} values in a block of {n_samples} samples")
    block = Block(worker.n_samples, values[:n_samples], values[n_samples:])
    worker.n_samples += n_samples
    return block


def _parse_end(header: Mapping[str, Any], worker: _Worker) -> RecordingEnd:
    if header["n_samples"] != worker.n_samples:
        raise ValueError("blocks are missing")
    worker.n_recordings += 1
    growth = int(header["resident_bytes"]) - worker.resident_bytes
    worker.is_worn = growth > MAX_GROWTH_BYTES or worker.n_recordings >= MAX_RECORDINGS
    notices = tuple(str(notice)[:MAX_MESSAGE] for notice in header["notices"])
    return RecordingEnd(
        worker.n_samples, notices, float(header["decode_s"]), float(header["vad_s"])
    )
