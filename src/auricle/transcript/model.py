"""The values a transcription is made of. Times are seconds on the recording's clock."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written, punctuation included, without outer spaces.

    `start <= end`, seconds; `score` is exp(mean log-probability of its `n_tokens` tokens), 0..1,
    or None if unknown. `glued` says that the word continues the previous one without a space
    (Chinese, Japanese, …).
    """

    text: str
    start: float
    end: float
    score: float | None = None
    speaker: str | None = None
    glued: bool = False
    n_tokens: int = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence or phrase with its times; `words` is empty unless words were asked for.

    `score` is exp(mean token log-probability), 0..1. `text` has no outer spaces.
    """

    text: str
    start: float
    end: float
    score: float | None = None
    speaker: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole answer: what a stream of events folds to.

    `language` is the dominant language as a two-letter code, None without speech.
    `duration_s` is the decoded length of the recording. `notices` say in plain words what was
    lost on the way (a recording that breaks off, a header that lies); empty when nothing was.
    """

    text: str
    language: str | None
    segments: tuple[Segment, ...]
    duration_s: float
    notices: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
