"""One window: who speaks when, and each of its speakers' voice. A pure function of its samples."""

import math

import numpy as np
from numpy.typing import NDArray

from auricle.diarization.filter_bank import HOP_LENGTH, FilterBank, filter_bank
from auricle.diarization.networks import Networks
from auricle.diarization.windows import (
    FRAME_LENGTH,
    FRAME_S,
    FRAME_STEP,
    LOCAL_SPEAKERS,
    N_LOCAL,
    AudioWindow,
    Piece,
    WindowAnalysis,
)

MIN_ACTIVE_S = 0.1
"""A local speaker heard for less is noise."""
MIN_CLEAN_S = 0.4
"""Below this the voice is taken from all frames of a speaker, overlapped ones too."""
MIN_GAP_S = 0.2
"""A piece may end at a pause of this length."""
MIN_PIECE_S = 1.0
MAX_PIECE_S = 3.5
"""Pieces are about this long at most, for a local speaker is sometimes two who sound alike."""
MIN_FEATURE_FRAMES = 15
MAX_FEATURE_FRAMES = 300
"""Three seconds say who it is: of more the middle is taken."""

_Frames = NDArray[np.intp]


def analyse(window: AudioWindow, networks: Networks) -> WindowAnalysis:
    """Who speaks when in the window, and the voices.

    Args:
        window: up to ten seconds; shorter than FRAME_LENGTH has no frames.
        networks: the loaded networks.
    """
    if len(window.waveform) < FRAME_LENGTH:
        return WindowAnalysis(window.start, np.zeros(0, np.uint8), ())
    sets = networks.segment(window.waveform).argmax(axis=1).astype(np.uint8)
    activity = LOCAL_SPEAKERS[sets]
    features = filter_bank(window.waveform) if activity.any() else None
    pieces = []
    for speaker in range(N_LOCAL):
        for frames, clean_s in _cut(activity, speaker):
            voiced = _features_of(features, frames)
            if len(voiced) >= MIN_FEATURE_FRAMES:
                first, last = int(frames[0]), int(frames[-1])
                embedding = networks.embed(voiced)
                pieces.append(Piece(speaker, first, last + 1, clean_s, embedding))
    return WindowAnalysis(window.start, sets, tuple(pieces))


def _cut(activity: NDArray[np.bool_], speaker: int) -> list[tuple[_Frames, float]]:
    """A local speaker's frames in pieces, and how long each is clean."""
    active = activity[:, speaker]
    if active.sum() * FRAME_S < MIN_ACTIVE_S:
        return []
    clean = np.flatnonzero(active & (activity.sum(axis=1) == 1))
    if len(clean) * FRAME_S < MIN_CLEAN_S:
        return [(np.flatnonzero(active), len(clean) * FRAME_S)]
    return [
        (part, len(part) * FRAME_S)
        for run in _split_at_pauses(clean)
        for part in np.array_split(run, math.ceil(len(run) * FRAME_S / MAX_PIECE_S - 0.2) or 1)
    ]


def _split_at_pauses(frames: _Frames) -> list[_Frames]:
    """Runs of at least MIN_PIECE_S, if there is as much at all, that end in pauses."""
    gaps = np.flatnonzero(np.diff(frames) * FRAME_S > MIN_GAP_S) + 1
    runs: list[_Frames] = []
    for run in np.split(frames, gaps):
        if runs and len(runs[-1]) * FRAME_S < MIN_PIECE_S:
            runs[-1] = np.concatenate([runs[-1], run])
        else:
            runs.append(run)
    if len(runs) > 1 and len(runs[-1]) * FRAME_S < MIN_PIECE_S:
        last = runs.pop()
        runs[-1] = np.concatenate([runs[-1], last])
    return runs


def _features_of(features: FilterBank | None, frames: _Frames) -> FilterBank:
    """The filter bank's frames around the middle of these ones; not more than are needed."""
    assert features is not None
    middles = (frames * FRAME_STEP + FRAME_LENGTH // 2) // HOP_LENGTH
    indices = np.unique(np.concatenate([middles - 1, middles]))
    inside = indices[(indices >= 0) & (indices < len(features))]
    skipped = max(0, len(inside) - MAX_FEATURE_FRAMES) // 2
    chosen: FilterBank = features[inside[skipped : skipped + MAX_FEATURE_FRAMES]]
    return chosen
