"""Who says what: a listener beside recognition, and its turns joined with the words.

The listener hands on the blocks of a recording and has its windows analysed meanwhile. Text goes
out as it comes; segments wait for the end, because the last sentence may tell that the first one
was somebody else's.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from types import TracebackType
from typing import Self

from auricle.audio.waveform import SAMPLE_RATE
from auricle.diarization.clustering import Vectors
from auricle.diarization.crew import DiarizerCrew
from auricle.diarization.naming import main_voice, name_speakers
from auricle.diarization.turns import Speakers
from auricle.diarization.windows import AudioWindow, WindowCutter
from auricle.diarization.words import label_segments
from auricle.errors import EngineFailed, InvalidRequest, UnreadableAudio
from auricle.frontend.pool import Block, RecordingEnd
from auricle.pipeline.options import Granularity
from auricle.transcript.events import Completed, SegmentCompleted, TranscriptEvent
from auricle.transcript.model import Segment

MAX_IN_FLIGHT = 4
"""Windows of a recording that wait or are analysed at once; beyond it, reading waits."""


MIN_REFERENCE_S, MAX_REFERENCE_S = 3.0, 15.0
"""Length of a reference clip."""


class SpeakerListener:
    """Listens to one recording. Enter it, iterate `listen`, then ask for the `speakers`."""

    def __init__(self, crew: DiarizerCrew) -> None:
        self._crew = crew
        self._cutter = WindowCutter()
        self._permits = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._analyses: list[asyncio.Task[bytes]] = []
        self._end: RecordingEnd | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._analyses:
            task.cancel()
        await asyncio.gather(*self._analyses, return_exceptions=True)

    async def listen(
        self, blocks: AsyncIterable[Block | RecordingEnd]
    ) -> AsyncIterator[Block | RecordingEnd]:
        """The same blocks, heard on the way."""
        async for block in blocks:
            if isinstance(block, RecordingEnd):
                self._end = block
                windows = self._cutter.finish()
            else:
                windows = self._cutter.feed(block.waveform)
            for window in windows:
                await self._permits.acquire()
                self._analyses.append(asyncio.create_task(self._analyse(window)))
            yield block

    async def speakers(self) -> Speakers:
        """Who spoke when, once all blocks were read.

        Raises:
            EngineFailed, Unavailable: a window could not be analysed.
        """
        if self._end is None:
            raise EngineFailed("bug: the speakers were asked for before the recording's end")
        analyses = await asyncio.gather(*self._analyses)
        return await self._crew.resolve(analyses, self._end.n_samples, self._end.channel_levels)

    async def _analyse(self, window: AudioWindow) -> bytes:
        try:
            return await self._crew.analyse(window)
        finally:
            self._permits.release()


async def learn_voice(
    name: str, blocks: AsyncGenerator[Block | RecordingEnd, None], crew: DiarizerCrew
) -> Vectors:
    """The voice in a reference clip, of unit norm.

    Raises:
        InvalidRequest: the clip is too short or too long, cannot be decoded, or nobody speaks.
    """
    async with SpeakerListener(crew) as listener, aclosing(blocks):
        try:
            n_samples = 0
            async for block in listener.listen(blocks):
                if isinstance(block, Block):
                    n_samples += len(block.waveform)
                if n_samples > MAX_REFERENCE_S * SAMPLE_RATE:
                    break
        except UnreadableAudio as error:
            raise _bad_reference(name, error.message) from error
        if not MIN_REFERENCE_S <= n_samples / SAMPLE_RATE <= MAX_REFERENCE_S:
            wanted = f"{MIN_REFERENCE_S:g} to {MAX_REFERENCE_S:g} s"
            raise _bad_reference(name, f"its length must be {wanted}")
        voice = main_voice(await listener.speakers())
    if voice is None:
        raise _bad_reference(name, "nobody speaks in it")
    return voice


def _bad_reference(name: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"speaker_references: the clip of {name!r} cannot be used: {reason}",
        param="speaker_references",
    )


async def with_speakers(
    events: AsyncIterable[TranscriptEvent],
    listener: SpeakerListener,
    known: Mapping[str, Vectors],
    granularity: Granularity | None,
) -> AsyncGenerator[TranscriptEvent, None]:
    """The events of a recording, its segments labelled and just before the end.

    Args:
        events: with segments that have words.
        listener: that heard the recording's blocks.
        known: voices by name.
        granularity: without `word` the segments have no words.
    """
    segments: list[Segment] = []
    async for event in events:
        if isinstance(event, SegmentCompleted):
            segments.append(event.segment)
        elif isinstance(event, Completed):
            started_s = time.monotonic()
            speakers = await listener.speakers()
            names = name_speakers(speakers.voices, known)
            segments = label_segments(segments, speakers.turns, names)
            if granularity != "word":
                segments = [replace(segment, words=()) for segment in segments]
            for segment in segments:
                yield SegmentCompleted(segment)
            timings = {**event.transcript.timings, "speakers": time.monotonic() - started_s}
            transcript = replace(event.transcript, segments=tuple(segments), timings=timings)
            yield Completed(transcript)
        else:
            yield event
