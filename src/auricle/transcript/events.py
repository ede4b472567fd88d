"""What happens while a recording is transcribed, in order, and the fold to a transcript.

The order is fixed: at most one `LanguageDetected`, before the first `TextDelta`; deltas and
segments in the order of the recording; exactly one `Completed`, last. The concatenated deltas
equal `Completed.transcript.text`, and the segments equal its segments.
"""

from collections.abc import AsyncIterable
from dataclasses import dataclass

from auricle.transcript.model import Segment, Transcript


@dataclass(frozen=True, slots=True)
class LanguageDetected:
    """The language of the first speech, a two-letter code."""

    language: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Text that is final and follows everything sent before it."""

    text: str


@dataclass(frozen=True, slots=True)
class SegmentCompleted:
    """A segment whose text and times are final."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class Progress:
    """How far into the recording the transcript is final, in seconds; never decreases."""

    position_s: float


@dataclass(frozen=True, slots=True)
class Completed:
    """The end: everything, once more, as the blocking answer gives it."""

    transcript: Transcript


TranscriptEvent = LanguageDetected | TextDelta | SegmentCompleted | Progress | Completed


async def fold(events: AsyncIterable[TranscriptEvent]) -> Transcript:
    """Consume a stream of events and return its transcript: the blocking answer."""
    transcript: Transcript | None = None
    async for event in events:
        if isinstance(event, Completed):
            transcript = event.transcript
    if transcript is None:
        msg = "bug: a transcription ended without its Completed event"
        raise RuntimeError(msg)
    return transcript
