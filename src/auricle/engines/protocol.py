"""The seam between pipelines and engines.

A pipeline knows one function, `Submit`. An engine is the other side: a small stepping machine
that lives in a worker process and is driven by its loop (`scheduling/worker_process.py`).
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.transcript.model import Segment


class Priority(IntEnum):
    """Lower is served first."""

    LIVE = 0
    INTERACTIVE = 1
    BATCH = 2


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who asks: the order of service. Work of one `request` is served first in, first out."""

    priority: Priority = Priority.INTERACTIVE
    tenant: str = ""
    request: str = ""


Stretch = tuple[float, float]
"""From when to when, in seconds."""


MISSED_SPEECH_S = 1.0
"""Speech behind the end of a hypothesis from which it left something out."""

MIN_PROGRESS_S = 1.0
"""How far a hypothesis must get for what it left out to be asked for: that begins there."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What an engine is given: up to `EngineInfo.max_utterance_s` seconds of mono audio.

    `speech` are the stretches of it in which somebody speaks, in order; () if nobody looked.
    """

    waveform: Waveform
    speech: tuple[Stretch, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.waveform) / SAMPLE_RATE

    def last_before_s(self, speech_s: float) -> float:
        """The latest time that has so much speech behind it, in seconds; 0 if none has."""
        for start_s, end_s in reversed(self.speech):
            if end_s - start_s >= speech_s:
                return end_s - speech_s
            speech_s -= end_s - start_s
        return 0.0


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How one utterance is decoded.

    `language` is a two-letter code, or None to detect; `language_hint` is the recording's
    language so far, which detection overrules only when it is sure. `temperature` None means
    the engine's own policy. `words` asks for word times. `context_bias` are words and phrases to
    expect; an engine that has `EngineInfo.context_bias` spells them as they are given.
    `previous_text` is what was said before, or might have been: the end of it counts. Whisper alone
    looks at it.

    With a `given_text` there is nothing to decode: the utterance is known to say that, and the
    hypothesis tells its language and when it was said. An empty one asks for the language alone.
    Only engines with `EngineInfo.aligns` can do that.
    """

    language: str | None = None
    language_hint: str | None = None
    temperature: float | None = None
    words: bool = False
    context_bias: tuple[str, ...] = ()
    previous_text: str = ""
    given_text: str | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What an engine heard in one utterance; segment times are seconds into the utterance.

    `end_s` is how far the hypothesis reaches: what lies behind it was not transcribed and may
    be submitted again (equal to the utterance's duration when all was heard). `language` and
    `language_probability` (0..1) say what it was decoded as. `no_speech_probability` is 0..1.
    `is_language_left` says that another language is spoken behind `end_s`, `is_doubted` that the
    first text found was not believed.
    """

    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    no_speech_probability: float
    end_s: float
    n_tokens: int = 0
    is_language_left: bool = False
    is_doubted: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """Text of the utterance that is final, to be appended. A batch engine never sends one.

    `language` is what the utterance is being decoded as.
    """

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Final:
    """The utterance is done; the deltas before it are a prefix of its text.

    `queue_s` is how long it waited for an engine, in seconds.
    """

    hypothesis: Hypothesis
    queue_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """The utterance could not be decoded. `reason` is for the log, never for a client."""

    reason: str


DecodeEvent = Delta | Final | Failed

Submit = Callable[[Utterance, DecodeOptions, Ticket], AsyncGenerator[DecodeEvent, None]]
"""All a pipeline knows of engines: submit an utterance, iterate its events, close to cancel."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is and can do.

    `slots` is how many utterances it takes at once; a request that already has work in it leaves
    `kept_slots` of them to others. `is_proven` says that it computed windows when it was built, and
    found them right: nobody need try it first.
    """

    name: str
    max_utterance_s: float
    languages: tuple[str, ...]
    slots: int = 1
    kept_slots: int = 1
    word_times: bool = True
    context_bias: bool = False
    aligns: bool = False
    is_proven: bool = False

    @property
    def slots_of_a_request(self) -> int:
        """Most slots that one request has at once."""
        return max(1, self.slots - self.kept_slots)


class Engine(Protocol):
    """Decodes the utterances that were joined, a step at a time.

    Blocking and single-threaded: the worker's loop is its only caller. A batch engine does a
    whole utterance in one step; a stepping engine advances every joined one by a token.
    """

    @property
    def info(self) -> EngineInfo:
        """Name, limits and capabilities."""
        ...

    def join(self, key: int, utterance: Utterance, options: DecodeOptions) -> None:
        """Take an utterance; the caller keeps to `info.slots` at once."""
        ...

    def step(self) -> list[tuple[int, DecodeEvent]]:
        """Advance; returns the events of this step, `Final` or `Failed` last for a key."""
        ...

    def cancel(self, key: int) -> None:
        """Forget an utterance; no event for it follows. Unknown keys are ignored."""
        ...

    def close(self) -> None:
        """Release weights and threads."""
        ...
