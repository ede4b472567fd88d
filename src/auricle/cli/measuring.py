"""How fast this machine transcribes the user's recordings, for `auricle bench` and `auricle tune`.

Measured is all that the server does, without HTTP.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auricle.engines.protocol import Ticket
from auricle.errors import AuricleError, EngineFailed, InvalidRequest
from auricle.pipeline.options import TranscribeOptions
from auricle.process_tree import tree_cpu_s
from auricle.settings import Settings
from auricle.transcript.events import Completed, TextDelta

if TYPE_CHECKING:
    from auricle.runtime import Runtime
    from auricle.served_weights import Weights

AT_ONCE = 16
"""Recordings under way together, as many clients would send them."""
START_TIMEOUT_S = 300
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Timed:
    """One recording: its length, the wait for its first text (None: no speech) and for the end."""

    path: Path
    audio_s: float
    first_s: float | None
    wall_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """Several recordings: what they were, and what all of them took. Times are seconds.

    `cpu_s` is of all our processes, None where it cannot be read.
    """

    recordings: Sequence[Timed]
    wall_s: float
    cpu_s: float | None

    @property
    def audio_s(self) -> float:
        """Length of all recordings together."""
        return sum(recording.audio_s for recording in self.recordings)

    @property
    def speed(self) -> float:
        """Seconds of audio a second."""
        return self.audio_s / self.wall_s


def find_recordings(inputs: Sequence[Path]) -> list[Path]:
    """The files, and those that lie in the folders (not deeper), hidden ones left out.

    Raises:
        InvalidRequest: a name is neither, or nothing is left.
    """
    found: list[Path] = []
    for path in inputs:
        if not path.exists():
            raise InvalidRequest(f"{path}: there is no such file or folder")
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [file for file in inside if file.is_file() and not file.name.startswith(".")]
    if not found:
        raise InvalidRequest("there are no files in the folders named")
    return found


@asynccontextmanager
async def running(settings: Settings, weights: "Weights") -> AsyncIterator["Runtime"]:
    """A service with all its workers up.

    Raises:
        EngineFailed: not all of them came up in time.
    """
    from auricle.runtime import Runtime  # noqa: PLC0415 (other commands need not wait for it)

    async with Runtime(settings, weights) as runtime:
        await _all_workers(runtime, settings.workers)
        yield runtime


async def _all_workers(runtime: "Runtime", n_workers: int) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while runtime.gauges()["engine_workers"] < n_workers:
        await asyncio.sleep(POLL_S)
        if time.monotonic() > deadline_s:
            raise EngineFailed(f"not all {n_workers} workers started within {START_TIMEOUT_S} s")


async def readable(runtime: "Runtime", recordings: Sequence[Path]) -> list[Path]:
    """Those that can be transcribed; the others are named on standard error. Warms up as well.

    Raises:
        InvalidRequest: there is none.
    """
    left: list[Path] = []
    for path in recordings:
        try:
            await _transcribe(runtime, path)
            left.append(path)
        except AuricleError as error:
            print(f"auricle: {path.name} is left out: {error.message}", file=sys.stderr)
    if not left:
        raise InvalidRequest("none of the files is a recording that can be read")
    return left


async def measure(runtime: "Runtime", recordings: Sequence[Path], at_once: int) -> Load:
    """Transcribe all, `at_once` of them together."""
    places = asyncio.Semaphore(at_once)

    async def one(path: Path) -> Timed:
        async with places:
            return await _transcribe(runtime, path)

    cpu_before_s, started_s = tree_cpu_s(os.getpid()), time.perf_counter()
    timed = await asyncio.gather(*map(one, recordings))
    wall_s, cpu_after_s = time.perf_counter() - started_s, tree_cpu_s(os.getpid())
    if cpu_before_s is None or cpu_after_s is None:
        return Load(timed, wall_s, None)
    return Load(timed, wall_s, cpu_after_s - cpu_before_s)


async def _transcribe(runtime: "Runtime", path: Path) -> Timed:
    started_s = time.perf_counter()
    first_s, audio_s = None, 0.0
    async with aclosing(runtime.transcribe(path, TranscribeOptions(), Ticket())) as events:
        async for event in events:
            if isinstance(event, TextDelta) and first_s is None:
                first_s = time.perf_counter() - started_s
            elif isinstance(event, Completed):
                audio_s = event.transcript.duration_s
    return Timed(path, audio_s, first_s, time.perf_counter() - started_s)
