"""The answer to a transcription: one JSON object, or the same as server-sent events."""

import math
from typing import Literal

from pydantic import Field

from auricle.pipeline.options import Granularity
from auricle.server.wire.answer import Answer, is_none
from auricle.transcript.events import LanguageDetected, SegmentCompleted, TextDelta
from auricle.transcript.model import Segment, Transcript

PROMPT_TOKENS = 4
EXTRA_COMPLETION_TOKENS = 4
WINDOW_S = 30
TOKENS_PER_WINDOW = 375
"""12.5 audio tokens a second, counted in whole windows."""


class UsageInfo(Answer):
    """What the hosted service would count for this recording and text."""

    prompt_audio_seconds: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TranscriptionSegment(Answer):
    """A sentence or phrase, or with `word` one word; times in seconds."""

    type: Literal["transcription_segment"] = "transcription_segment"
    text: str
    start: float
    end: float
    score: float | None = Field(
        default=None,
        ge=0,
        le=1,
        exclude_if=is_none,
        description="exp(mean token log-probability).",
    )
    speaker_id: str | None = None


class TranscriptionResponse(Answer):
    """The whole transcript."""

    model: str = Field(description="The id that was asked for.")
    text: str
    language: str | None = Field(
        pattern=r"^\w{2}$", description="The dominant language; null without speech."
    )
    segments: list[TranscriptionSegment]
    usage: UsageInfo
    notices: list[str] | None = Field(
        default=None,
        exclude_if=is_none,
        description="What was lost of a damaged recording, in plain words.",
    )


class LanguageEvent(Answer):
    """The language of the first speech; not sent when the caller gave it."""

    type: Literal["transcription.language"] = "transcription.language"
    audio_language: str


class TextDeltaEvent(Answer):
    """Text that is final and follows what was sent before."""

    type: Literal["transcription.text.delta"] = "transcription.text.delta"
    text: str


class SegmentEvent(Answer):
    """A finished segment, when a granularity was asked for."""

    type: Literal["transcription.segment"] = "transcription.segment"
    text: str
    start: float
    end: float
    speaker_id: str | None = None


class DoneEvent(TranscriptionResponse):
    """The end of the stream: the blocking answer."""

    type: Literal["transcription.done"] = "transcription.done"


StreamEvent = LanguageEvent | TextDeltaEvent | SegmentEvent | DoneEvent


def usage(duration_s: float, n_text_tokens: int) -> UsageInfo:
    """The hosted service's formula for plain answers, used for all.

    Args:
        duration_s: length of the recording in seconds.
        n_text_tokens: Tekken tokens of the text.
    """
    completion = n_text_tokens + EXTRA_COMPLETION_TOKENS
    audio = TOKENS_PER_WINDOW * math.ceil(duration_s / WINDOW_S)
    return UsageInfo(
        prompt_audio_seconds=math.floor(duration_s),
        prompt_tokens=PROMPT_TOKENS,
        completion_tokens=completion,
        total_tokens=PROMPT_TOKENS + completion + audio,
    )


def segments_of(segment: Segment, granularity: Granularity) -> list[TranscriptionSegment]:
    """The entries of one segment: itself, or one for each of its words."""
    return [
        TranscriptionSegment(
            text=each.text,
            start=_rounded(each.start),
            end=_rounded(each.end),
            score=None if each.score is None else round(each.score, 4),
            speaker_id=each.speaker,
        )
        for each in (segment.words or (segment,) if granularity == "word" else (segment,))
    ]


def _rounded(seconds: float) -> float:
    # Down to milliseconds: keeps the order, and the end inside the recording. The addend
    # undoes what binary floats take from 2.3 * 1000.
    return math.floor(seconds * 1000 + 1e-6) / 1000


def response_of(
    transcript: Transcript,
    *,
    model: str,
    granularity: Granularity | None,
    n_text_tokens: int,
) -> TranscriptionResponse:
    """The blocking answer; `model` is the id as the client wrote it."""
    segments = [] if granularity is None else transcript.segments
    return TranscriptionResponse(
        model=model,
        text=transcript.text,
        language=transcript.language,
        segments=[
            entry
            for segment in segments
            for entry in segments_of(segment, granularity or "segment")
        ],
        usage=usage(transcript.duration_s, n_text_tokens),
        notices=list(transcript.notices) or None,
    )


def done_of(response: TranscriptionResponse) -> DoneEvent:
    """The last event, equal to the blocking answer."""
    return DoneEvent(**dict(response))


def events_of(
    event: LanguageDetected | TextDelta | SegmentCompleted, granularity: Granularity | None
) -> list[StreamEvent]:
    """What goes on the wire for an event before the last."""
    if isinstance(event, LanguageDetected):
        return [LanguageEvent(audio_language=event.language)]
    if isinstance(event, TextDelta):
        return [TextDeltaEvent(text=event.text)]
    if granularity is None:
        return []
    return [
        SegmentEvent(text=entry.text, start=entry.start, end=entry.end, speaker_id=entry.speaker_id)
        for entry in segments_of(event.segment, granularity)
    ]
