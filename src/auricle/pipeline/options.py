"""How a recording is transcribed: what a caller may choose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MAX_PROMPT_CHARACTERS = 1000
"""Of a prompt; models look at the last 220 tokens."""

Granularity = Literal["segment", "word"]
"""What a time is given for."""


@dataclass(frozen=True, slots=True)
class SpeakerReference:
    """A known voice: a name, and a clip in which nobody else speaks."""

    name: str
    recording: Path


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """The caller's choices for one recording.

    `model` is the id or alias of a served model, or None for the default one. `language` is a
    two-letter code in lower case, or None to detect it. `temperature` is the sampling
    temperature, 0..2, or None for the engine's own policy. With a `granularity` the events hold
    `SegmentCompleted`; with `word` their segments hold words. With `diarize` too: each is of one
    speaker, and all of them come at the end. Speakers who sound like one of the
    `speaker_references` have that name. `context_bias` are words and phrases to expect, spelt as
    they are to be written. `prompt` is a text that might stand before the recording, up to
    `MAX_PROMPT_CHARACTERS` long: it tells the model of names, spelling and style.
    """

    model: str | None = None
    language: str | None = None
    temperature: float | None = None
    granularity: Granularity | None = None
    diarize: bool = False
    speaker_references: tuple[SpeakerReference, ...] = ()
    context_bias: tuple[str, ...] = ()
    prompt: str = ""
