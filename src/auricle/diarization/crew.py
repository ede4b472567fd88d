"""Diarizer processes: started when they are first needed, replaced when they die."""

import asyncio
import logging
from collections.abc import Iterable

import numpy as np

from auricle import telemetry
from auricle.audio.downmix import Levels
from auricle.diarization.embedding import EMBEDDING_SIZE
from auricle.diarization.turns import Speakers, Turn
from auricle.diarization.windows import AudioWindow
from auricle.errors import EngineFailed, Unavailable
from auricle.frames import Frame, FrameError
from auricle.processes import Child

log = logging.getLogger(__name__)

MODULE = "auricle.diarization.worker_process"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
MAX_ATTEMPTS = 2
ANSWER_TIMEOUT_S = 180.0
"""Longest wait for an answer, a process's start included; normal is a tenth of a second."""


class _ChildFailed(Exception):
    """The child died, hung, or reported a fault."""


class DiarizerCrew:
    """Up to `size` processes, each with one request at a time. Waiting requests go in order."""

    def __init__(self, size: int) -> None:
        """Nothing runs before the first request."""
        self._permits = asyncio.Semaphore(size)
        self._idle: list[Child] = []
        self._exchanges: set[asyncio.Task[Frame]] = set()
        self._is_closed = False

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the children that wait for work."""
        return frozenset(child.pid for child in self._idle)

    async def analyse(self, window: AudioWindow) -> bytes:
        """A window's analysis, packed (`codec`).

        Raises:
            EngineFailed: two processes failed at it.
            Unavailable: the crew is closed.
        """
        samples = np.ascontiguousarray(window.waveform, np.float32)
        frame = await self._ask({"analyse": window.start}, samples.data.cast("B"))
        return bytes(frame.payload)

    async def resolve(
        self, analyses: Iterable[bytes], n_samples: int, levels: Levels | None
    ) -> Speakers:
        """The turns of a recording.

        Args:
            analyses: of all its windows, packed, in order.
            n_samples: its length.
            levels: of its channels, if there are two.

        Raises:
            EngineFailed: two processes failed at it.
            Unavailable: the crew is closed.
        """
        sound = b"" if levels is None else levels.tobytes()
        header = {"resolve": n_samples, "n_level_bytes": len(sound)}
        frame = await self._ask(header, sound + b"".join(analyses))
        voices = np.frombuffer(frame.payload, np.float32).reshape(-1, EMBEDDING_SIZE)
        turns = (Turn(start, end, speaker) for start, end, speaker in frame.header["turns"])
        return Speakers(tuple(turns), voices)

    async def close(self) -> None:
        """End all processes; whoever waits gets `Unavailable`. Safe to call again."""
        self._is_closed = True
        for exchange in self._exchanges:
            exchange.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        while self._idle:
            await self._idle.pop().kill()

    async def _ask(self, header: dict[str, int], payload: bytes | memoryview) -> Frame:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            if self._is_closed:
                break
            exchange = asyncio.create_task(self._exchange(header, payload))
            self._exchanges.add(exchange)
            exchange.add_done_callback(self._settle)
            try:
                return await asyncio.shield(exchange)  # whoever leaves, the child is used again
            except asyncio.CancelledError:
                if not self._is_closed:
                    raise
            except _ChildFailed as error:
                telemetry.log(
                    log, logging.ERROR, "diarizer.lost", attempt=attempt, reason=str(error)
                )
        if self._is_closed:
            raise Unavailable("the server is shutting down")
        raise EngineFailed(f"{MAX_ATTEMPTS} diarizer processes failed at the same request")

    def _settle(self, exchange: "asyncio.Task[Frame]") -> None:
        self._exchanges.discard(exchange)
        if not exchange.cancelled():
            exchange.exception()  # nobody may wait for it any more

    async def _exchange(self, header: dict[str, int], payload: bytes | memoryview) -> Frame:
        """One question and its answer, with a child of our own meanwhile."""
        async with self._permits:
            child = self._idle.pop() if self._idle else await Child.start(MODULE, env=ONE_THREAD)
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    frame = await _converse(child, header, payload)
            except TimeoutError as error:
                await child.kill()
                raise _ChildFailed(f"no answer in {ANSWER_TIMEOUT_S:g} s") from error
            except BaseException:
                await child.kill()
                raise
            self._idle.append(child)
            return frame


async def _converse(child: Child, header: dict[str, int], payload: bytes | memoryview) -> Frame:
    try:
        await child.send(header, payload)
        frame = await child.receive()
        if frame is not None and "ready" in frame.header:
            frame = await child.receive()
    except (ConnectionError, FrameError) as error:
        raise _ChildFailed(repr(error)) from error
    if frame is None:
        raise _ChildFailed("the process ended")
    if "fault" in frame.header:
        raise _ChildFailed(str(frame.header["fault"]).strip())
    return frame
