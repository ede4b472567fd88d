"""Window analyses to turns of the whole recording.

Local speakers become speakers by their voices; then overlapping windows vote for each frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE
from auricle.diarization.clustering import Projection, Vectors, find_speakers
from auricle.diarization.windows import FRAME_LENGTH, FRAME_STEP, N_LOCAL, Piece, WindowAnalysis

MAX_VOICE_WEIGHT_S = 3.0
SAME_SPEAKER_PENALTY = 10.0
"""Two local speakers of a window are two speakers, unless there are too few."""
MIN_OWN_S = 1.0
MIN_OWN_MARGIN = 0.1
"""A piece this long that is closer to another speaker by this much belongs to that one."""
MAX_BREATH_S = 0.5
MAX_PAUSE_S = 1.2
"""A speaker's pause that is no end of a turn: the longer one if nobody else speaks in it."""
PADDING_S = 0.15
"""Edges of words are fainter than the networks hear."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of one speaker, in seconds; speakers count from 0 in order of first speech."""

    start: float
    end: float
    speaker: int


@dataclass(frozen=True, slots=True)
class Speakers:
    """Who spoke when, and how they sound.

    `turns` are sorted by start; those of one speaker do not touch. `voices` are centred and of
    unit norm, a row for each speaker.
    """

    turns: tuple[Turn, ...]
    voices: Vectors


def resolve(analyses: Sequence[WindowAnalysis], n_samples: int, projection: Projection) -> Speakers:
    """The turns of a recording.

    Args:
        analyses: its windows, in order.
        n_samples: its length.
        projection: of voices.
    """
    pieces = [piece for analysis in analyses for piece in analysis.pieces]
    if not pieces:
        return Speakers((), np.zeros((0, len(projection.mean)), np.float32))
    voices = projection.centred(np.stack([piece.embedding for piece in pieces]))
    clean_s = np.array([piece.clean_s for piece in pieces])
    centroids = find_speakers(voices, clean_s, projection)
    speaks = _vote(analyses, voices @ centroids.T, n_samples)
    shift = (FRAME_LENGTH - FRAME_STEP) / 2
    runs = [
        [
            ((start * FRAME_STEP + shift) / SAMPLE_RATE, (end * FRAME_STEP + shift) / SAMPLE_RATE)
            for start, end in runs_of(column)
        ]
        for column in speaks.T
    ]
    return speakers_of(runs, centroids, n_samples / SAMPLE_RATE, PADDING_S)


def speakers_of(
    runs: Sequence[Sequence[tuple[float, float]]],
    voices: Vectors,
    duration_s: float,
    padding_s: float,
) -> Speakers:
    """Runs of speech as turns, speakers in order of first speech.

    Args:
        runs: for each speaker in order, in seconds.
        voices: a row for each.
        duration_s: of the recording.
        padding_s: how much a turn is wider than its runs, at each side.
    """
    turns = sorted(
        (start, end, speaker)
        for speaker in range(len(runs))
        for start, end in _padded(_joined(speaker, runs), duration_s, padding_s)
    )
    order = list(dict.fromkeys(speaker for _, _, speaker in turns))
    numbered = tuple(Turn(start, end, order.index(speaker)) for start, end, speaker in turns)
    return Speakers(numbered, voices[order])


def _vote(
    analyses: Sequence[WindowAnalysis], similarities: Vectors, n_samples: int
) -> NDArray[np.bool_]:
    """Who speaks in each frame of the recording, shape (n_frames, n_speakers).

    A frame has as many speakers as its windows hear on average, and those with most votes.
    """
    n_frames = n_samples // FRAME_STEP + 1
    n_speakers = similarities.shape[1]
    votes = np.zeros((n_frames, n_speakers), np.uint8)
    heard = np.zeros(n_frames, np.uint8)
    windows = np.zeros(n_frames, np.uint8)
    first_piece = 0
    for analysis in analyses:
        last_piece = first_piece + len(analysis.pieces)
        local = _place(analysis, similarities[first_piece:last_piece])
        first_piece = last_piece
        here = slice(analysis.first_frame, analysis.first_frame + len(local))
        votes[here] += local[: n_frames - analysis.first_frame]
        heard[here] += analysis.activity.sum(axis=1, dtype=np.uint8)
        windows[here] += 1
    n_speaking = np.rint(heard / np.maximum(windows, 1))
    speaks = np.zeros_like(votes, np.bool_)
    frames = np.arange(n_frames)
    for rank in range(min(n_speakers, N_LOCAL)):
        best = votes.argmax(axis=1)
        wins = (n_speaking > rank) & (votes[frames, best] > 0)
        speaks[frames[wins], best[wins]] = True
        votes[frames, best] = 0
    return speaks


def _place(analysis: WindowAnalysis, similarities: Vectors) -> NDArray[np.bool_]:
    """A window's activity by speaker instead of local speaker, shape (n_frames, n_speakers)."""
    activity = analysis.activity
    placed = np.zeros((len(activity), similarities.shape[1]), np.bool_)
    pieces = analysis.pieces
    locals_ = sorted({piece.speaker for piece in pieces})
    own = [[i for i, piece in enumerate(pieces) if piece.speaker == each] for each in locals_]
    weights = np.array([min(piece.clean_s + 0.3, MAX_VOICE_WEIGHT_S) for piece in pieces])
    for local, speaker, indices in zip(
        locals_, _match([weights[i] @ similarities[i] for i in own]), own, strict=True
    ):
        labels = [_own_speaker(pieces[i], similarities[i], speaker) for i in indices]
        frames = np.flatnonzero(activity[:, local])
        nearest = _nearest([pieces[i] for i in indices], frames)
        placed[frames, np.array(labels)[nearest]] = True
    return placed


def _match(scores: Sequence[Vectors]) -> list[int]:
    """A speaker for each of up to N_LOCAL local ones, so that the scores' sum is greatest."""
    n_speakers = len(scores[0]) if scores else 0
    total = np.zeros((n_speakers,) * len(scores))
    for axis, score in enumerate(scores):
        total += score.reshape([-1 if other == axis else 1 for other in range(len(scores))])
    same = np.eye(n_speakers) * SAME_SPEAKER_PENALTY
    for i in range(len(scores)):
        for j in range(i):
            shape = [n_speakers if axis in (i, j) else 1 for axis in range(len(scores))]
            total -= same.reshape(shape)
    return [int(i) for i in np.unravel_index(total.argmax(), total.shape)] if scores else []


def _own_speaker(piece: Piece, similarities: Vectors, speaker: int) -> int:
    """The speaker of a piece: its local speaker's, unless it clearly sounds like another."""
    best = int(similarities.argmax())
    is_clear = similarities[best] - similarities[speaker] > MIN_OWN_MARGIN
    return best if piece.clean_s >= MIN_OWN_S and is_clear else speaker


def _nearest(pieces: Sequence[Piece], frames: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each frame the piece it is in, or nearest to."""
    distances = [np.maximum(piece.start - frames, frames - (piece.end - 1)) for piece in pieces]
    nearest: NDArray[np.intp] = np.maximum(np.stack(distances), 0).argmin(axis=0)
    return nearest


def runs_of(is_on: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index of each run of true ones, and the one behind it."""
    steps = np.diff(np.concatenate([[0], is_on.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist()
    return list(zip(starts, ends, strict=True))


def _joined(
    speaker: int, runs: Sequence[Sequence[tuple[float, float]]]
) -> list[tuple[float, float]]:
    """A speaker's runs as turns: short pauses are part of them."""
    others = sorted(run for other, own in enumerate(runs) if other != speaker for run in own)
    starts = np.array([start for start, _ in others])
    reach = np.maximum.accumulate([end for _, end in others]) if others else starts
    turns: list[tuple[float, float]] = []
    for start, end in runs[speaker]:
        pause_s = start - turns[-1][1] if turns else np.inf
        before = int(np.searchsorted(starts, start))
        is_alone = not turns or before == 0 or reach[before - 1] <= turns[-1][1]
        if pause_s <= (MAX_PAUSE_S if is_alone else MAX_BREATH_S):
            turns[-1] = (turns[-1][0], end)
        else:
            turns.append((start, end))
    return turns


def _padded(
    turns: Sequence[tuple[float, float]], duration_s: float, padding_s: float
) -> list[tuple[float, float]]:
    """Turns of one speaker with their edges, inside the recording; those that touch are one."""
    padded: list[tuple[float, float]] = []
    for turn in turns:
        start, end = max(0.0, turn[0] - padding_s), min(duration_s, turn[1] + padding_s)
        if padded and start <= padded[-1][1]:
            padded[-1] = (padded[-1][0], end)
        elif start < end:
            padded.append((start, end))
    return padded
