"""Diarization error rates with pyannote.metrics: who was given the wrong speaker, for how long."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLLAR_S = 0.5
"""In all: a quarter of a second on each side of an edge of the reference is not scored."""


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """Seconds, and any label."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True, slots=True)
class SpeakerErrors:
    """Seconds of error against `total_s` of reference speech; those of several files add up."""

    total_s: float = 0.0
    missed_s: float = 0.0
    false_alarm_s: float = 0.0
    confused_s: float = 0.0

    @property
    def rate(self) -> float:
        """The diarization error rate, 0 and up."""
        errors_s = self.missed_s + self.false_alarm_s + self.confused_s
        return errors_s / self.total_s if self.total_s else 0.0

    def __add__(self, other: "SpeakerErrors") -> "SpeakerErrors":
        return SpeakerErrors(
            self.total_s + other.total_s,
            self.missed_s + other.missed_s,
            self.false_alarm_s + other.false_alarm_s,
            self.confused_s + other.confused_s,
        )


def read_rttm(path: Path) -> list[SpokenTurn]:
    """The turns of a file in NIST's format."""
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return [
        SpokenTurn(float(row[3]), float(row[3]) + float(row[4]), row[7])
        for row in rows
        if row and row[0] == "SPEAKER"
    ]


def speaker_errors(
    reference: Sequence[SpokenTurn],
    hypothesis: Iterable[SpokenTurn],
    duration_s: float,
    collar_s: float,
) -> SpeakerErrors:
    """Errors over the whole recording, overlapped speech included, under the best mapping."""
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    metric = DiarizationErrorRate(collar=collar_s, skip_overlap=False)
    found = metric(
        _annotation(reference),
        _annotation(hypothesis),
        uem=Timeline([Segment(0, duration_s)]),
        detailed=True,
    )
    return SpeakerErrors(
        found["total"], found["missed detection"], found["false alarm"], found["confusion"]
    )


def _annotation(turns: Iterable[SpokenTurn]) -> Any:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for i, turn in enumerate(turns):
        if turn.end > turn.start:
            annotation[Segment(turn.start, turn.end), i] = turn.speaker
    return annotation
