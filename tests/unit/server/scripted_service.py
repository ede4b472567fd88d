"""A service whose transcriptions are written in advance."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auricle.engines.protocol import Ticket
from auricle.errors import Overloaded
from auricle.pipeline.options import TranscribeOptions
from auricle.transcript.events import (
    Completed,
    LanguageDetected,
    SegmentCompleted,
    TextDelta,
    TranscriptEvent,
)
from auricle.transcript.model import Segment, Transcript, Word
from auricle.weights.card import ModelCard

CARD = ModelCard(
    id="whisper-base",
    aliases=("voxtral-mini-latest", "whisper-1"),
    description="A model for tests.",
    languages=("en", "de", "fr"),
)

WORDS = (
    Word("Good", 0.5, 0.8, 0.9),
    Word("morning.", 0.8, 1.5, 0.95),
)
SEGMENTS = (
    Segment("Good morning.", 0.5, 1.5, 0.93, words=WORDS),
    Segment("All is well.", 2.0, 3.25, 0.71, words=(Word("All is well.", 2.0, 3.25, 0.7),)),
)
TRANSCRIPT = Transcript(
    text="Good morning. All is well.",
    language="en",
    segments=SEGMENTS,
    duration_s=11.04,
    timings={"decode": 0.1, "inference": 0.4},
)


def script(
    options: TranscribeOptions, transcript: Transcript = TRANSCRIPT
) -> list[TranscriptEvent]:
    """The usual events of `TRANSCRIPT`."""
    events: list[TranscriptEvent] = [LanguageDetected("en"), TextDelta("Good morning.")]
    if options.granularity:
        events.append(SegmentCompleted(SEGMENTS[0]))
    events.append(TextDelta(" All is well."))
    if options.granularity:
        events.append(SegmentCompleted(SEGMENTS[1]))
    return [*events, Completed(transcript)]


Step = TranscriptEvent | Exception | asyncio.Event
"""An event to yield, an error to raise, or a moment to wait for."""


@dataclass
class Call:
    """What a transcription was asked for, and how it ended."""

    content: bytes
    options: TranscribeOptions
    ticket: Ticket
    closed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class ScriptedService:
    """Plays `steps`, or the usual script."""

    card: ModelCard = CARD
    ready: bool = True
    steps: Callable[[TranscribeOptions], Sequence[Step]] = script
    calls: list[Call] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    active: int = 0
    max_bytes: int | None = None
    """Uploads over it find the queue full."""

    def refuse_when_full(self, n_bytes: int) -> None:
        if self.max_bytes is not None and n_bytes > self.max_bytes:
            raise Overloaded("much audio waits", retry_after_s=7)

    def models(self) -> Sequence[ModelCard]:
        return [self.card]

    def resolve_model(self, model_id: str) -> ModelCard | None:
        return self.card if model_id in {self.card.id, *self.card.aliases} else None

    async def transcribe(
        self, recording: Path, options: TranscribeOptions, ticket: Ticket
    ) -> AsyncGenerator[TranscriptEvent, None]:
        call = Call(await asyncio.to_thread(recording.read_bytes), options, ticket)
        self.calls.append(call)
        self.active += 1
        self.started.set()
        try:
            for step in self.steps(options):
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.active -= 1
            call.closed.set()

    def is_ready(self) -> bool:
        return self.ready

    def gauges(self) -> Mapping[str, float]:
        return {"engine_workers": 2.0}
