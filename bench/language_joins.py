"""Two clips in different languages as one recording: is it transcribed in both?

Each join is scored beside its two clips alone, in units that need no language: words, but single
characters in the scripts that have no spaces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np

from auricle.audio.waveform import SAMPLE_RATE
from auricle.scoring.text import Normalizer
from auricle.scoring.wer import ErrorCounts, count_errors
from auricle.transcript.joining import is_unspaced
from manifest import Recording
from systems import Answer
from waveforms import read_waveform, write_waveform

KIND = "joined"
N_JOINS = 24
PAUSE_S = 0.6
SHORTEST_S, LONGEST_S = 4.0, 14.0
"""Of a clip: two of them fit one window, so that a single language cannot do for both."""


@dataclass(frozen=True, slots=True)
class Join:
    """A recording made of two clips."""

    recording: Recording
    clips: tuple[Recording, Recording]


@dataclass(frozen=True, slots=True)
class JoinScore:
    """Errors of one system in the joins, and in their clips alone."""

    joined: ErrorCounts
    alone: ErrorCounts


def join_languages(recordings: Sequence[Recording], folder: Path) -> list[Join]:
    """Clips of read speech in an order that is drawn once, each joined with the next.

    The language of a join is its first clip's.
    """
    fitting = [
        recording
        for recording in recordings
        if recording.kind == "read"
        and recording.reference
        and SHORTEST_S <= recording.duration_s <= LONGEST_S
    ]
    by_language: dict[str, list[Recording]] = {}
    for recording in fitting:
        by_language.setdefault(recording.language, []).append(recording)
    random = Random(1)
    order: list[Recording] = []
    while len(order) <= N_JOINS and len(by_language) > 1:
        languages = [each for each in by_language if not order or each != order[-1].language]
        clips = by_language[random.choice(sorted(languages))]
        order.append(clips.pop(random.randrange(len(clips))))
        by_language = {language: rest for language, rest in by_language.items() if rest}
    return [_join(first, second, folder) for first, second in pairwise(order)]


def _join(first: Recording, second: Recording, folder: Path) -> Join:
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
    waveform = np.concatenate([read_waveform(first.path), pause, read_waveform(second.path)])
    name = f"{first.id}+{second.id}"
    write_waveform(path := folder / f"{name}.flac", waveform)
    reference = f"{first.reference} {second.reference}"
    duration_s = len(waveform) / SAMPLE_RATE
    recording = Recording(name, path, KIND, first.language, duration_s, reference)
    return Join(recording, (first, second))


def score_joins(
    joins: Sequence[Join], answers: Mapping[str, Mapping[str, Answer]], normalize: Normalizer
) -> dict[str, JoinScore]:
    """By system; `answers` are those of every recording, by its id and then by system.

    Joins without the answers of both clips are left out.
    """
    whole = [join for join in joins if all(each.id in answers for each in _parts(join))]
    systems = list(answers[whole[0].recording.id]) if whole else []
    scores = {}
    for system in systems:
        joined, alone = ErrorCounts(), ErrorCounts()
        for join in whole:
            joined += _errors(join.recording, answers[join.recording.id][system], normalize)
            for clip in join.clips:
                alone += _errors(clip, answers[clip.id][system], normalize)
        scores[system] = JoinScore(joined, alone)
    return scores


def _parts(join: Join) -> tuple[Recording, ...]:
    return (join.recording, *join.clips)


def _errors(recording: Recording, answer: Answer, normalize: Normalizer) -> ErrorCounts:
    said, heard = (
        mixed_tokens(normalize(text)) for text in (recording.reference or "", answer.text)
    )
    return count_errors(said, heard)


def mixed_tokens(normalized: str) -> list[str]:
    """Words, and each character of an unspaced script by itself."""
    spread = (f" {each} " if is_unspaced(each) else each for each in normalized)
    return "".join(spread).split()
