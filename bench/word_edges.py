"""How far word times are from the edges of utterances that are known exactly.

An utterance's first word gives its start, its last word its end. Only words that were heard
right count: where a word is missing there is no time to judge.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.scoring.text import Normalizer, scored_tokens
from auricle.scoring.wer import align

LOWEST_HZ, HIGHEST_HZ = 300.0, 4000.0
"""The band in which speech stands out from the hum and rumble of a room."""
BELOW_PEAK_DB, ABOVE_NOISE_DB, LEAST_DEPTH_DB = 38.0, 15.0, 25.0
"""Sound is what is no further than this below an utterance's loud frames, and this much above its
faintest ones; what is 25 dB below the loud ones may be silence even where nothing is fainter."""
SHORTEST_SOUND = 3  # frames
_HOP, _LENGTH = 160, 400  # samples


@dataclass(frozen=True, slots=True)
class TimedText:
    """A word, or an utterance of several.

    `start <= end`, seconds into the recording; NaN where an utterance's edge is not known.
    """

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class EdgeErrors:
    """Signed errors in seconds, positive where the word's time is late; `n_edges` could be had."""

    starts: tuple[float, ...] = ()
    ends: tuple[float, ...] = ()
    n_edges: int = 0

    def __add__(self, other: "EdgeErrors") -> "EdgeErrors":
        return EdgeErrors(
            self.starts + other.starts, self.ends + other.ends, self.n_edges + other.n_edges
        )

    def percentile(self, share: float) -> float:
        """Of the absolute errors of starts and ends together; 0 <= share <= 100."""
        errors = np.abs([*self.starts, *self.ends])
        return float(np.percentile(errors, share)) if len(errors) else float("nan")

    @property
    def n_scored(self) -> int:
        """Edges whose word was heard."""
        return len(self.starts) + len(self.ends)


def edges_of_sound(waveform: Waveform) -> tuple[int, int]:
    """First sample of the sound in an utterance, and the one behind its last.

    By loudness alone: whoever judges word times by these edges should not have made both with the
    same speech detector.
    """
    if len(waveform) < _LENGTH:
        return 0, len(waveform)
    levels = _levels_db(waveform)
    loud, faint = np.percentile(levels, [99, 5])
    least = max(loud - BELOW_PEAK_DB, min(faint + ABOVE_NOISE_DB, loud - LEAST_DEPTH_DB))
    runs = np.lib.stride_tricks.sliding_window_view(levels > least, SHORTEST_SOUND).all(axis=1)
    sound = np.flatnonzero(runs)
    if not len(sound):
        return 0, len(waveform)
    margin = (_LENGTH - _HOP) // 2
    return int(sound[0]) * _HOP + margin, int(sound[-1] + SHORTEST_SOUND) * _HOP + margin


def _levels_db(waveform: Waveform) -> NDArray[np.float64]:
    """Level of each frame in the band of speech."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, _LENGTH)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_LENGTH))) ** 2
    hertz = np.fft.rfftfreq(_LENGTH, 1 / SAMPLE_RATE)
    in_band = power[:, (hertz >= LOWEST_HZ) & (hertz <= HIGHEST_HZ)].sum(axis=1)
    levels: NDArray[np.float64] = 10 * np.log10(in_band + 1e-9)
    return levels


def read_utterances(path: Path) -> list[TimedText]:
    """The utterances of a JSON file with `start`, `end` and `text` of each, by start."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    utterances = (TimedText(row["text"], row["start"], row["end"]) for row in rows)
    return sorted(utterances, key=lambda utterance: utterance.start)


def cut_to_sound(utterances: Sequence[TimedText], waveform: Waveform) -> list[TimedText]:
    """The utterances without the silence at their edges; an edge in another's speech is NaN."""
    cut = []
    for this in utterances:
        first, last = round(this.start * SAMPLE_RATE), round(this.end * SAMPLE_RATE)
        start, end = ((first + at) / SAMPLE_RATE for at in edges_of_sound(waveform[first:last]))
        others = [other for other in utterances if other is not this]
        cut.append(
            TimedText(
                this.text,
                nan if _is_inside(this.start, others) else start,
                nan if _is_inside(this.end, others) else end,
            )
        )
    return cut


def _is_inside(seconds: float, utterances: Sequence[TimedText]) -> bool:
    return any(each.start < seconds < each.end for each in utterances)


def edge_errors(
    utterances: Sequence[TimedText],
    words: Sequence[TimedText],
    language: str,
    normalizers: Mapping[str, Normalizer],
) -> EdgeErrors:
    """Errors of the words at the edges of utterances.

    Args:
        utterances: the reference, by start.
        words: the hypothesis, in order.
        language: two-letter code, for the normalisation of both.
        normalizers: by language.
    """
    said, utterance_of = _tokens(utterances, language, normalizers)
    heard, word_of = _tokens(words, language, normalizers)
    word_at = {
        i: words[word_of[j]]
        for i, j in align(said, heard)
        if i is not None and j is not None and said[i] == heard[j]
    }
    starts, ends = [], []
    for number, utterance in enumerate(utterances):
        own = [i for i, each in enumerate(utterance_of) if each == number]
        first, last = (word_at.get(own[0]), word_at.get(own[-1])) if own else (None, None)
        starts += _difference(None if first is None else first.start, utterance.start)
        ends += _difference(None if last is None else last.end, utterance.end)
    edges = [edge for each in utterances for edge in (each.start, each.end)]
    return EdgeErrors(tuple(starts), tuple(ends), sum(not isnan(edge) for edge in edges))


def _difference(found: float | None, exact: float) -> list[float]:
    return [] if found is None or isnan(exact) else [found - exact]


def _tokens(
    texts: Sequence[TimedText], language: str, normalizers: Mapping[str, Normalizer]
) -> tuple[list[str], list[int]]:
    """Scored tokens of all the texts, and which text each is of."""
    tokens: list[str] = []
    sources: list[int] = []
    for number, timed in enumerate(texts):
        of_text = scored_tokens(timed.text, language, normalizers)
        tokens += of_text
        sources += [number] * len(of_text)
    return tokens, sources
