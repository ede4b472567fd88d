"""Voices and window analyses made by hand."""

from collections.abc import Sequence

import numpy as np

from auricle.diarization.clustering import Projection, Vectors
from auricle.diarization.embedding import EMBEDDING_SIZE
from auricle.diarization.windows import (
    FRAME_STEP,
    LOCAL_SPEAKERS,
    STEP,
    WINDOW,
    Piece,
    WindowAnalysis,
)

N_FRAMES = 589


def projection() -> Projection:
    """The package's own."""
    return Projection.load()


def voices(n_speakers: int, seed: int = 1_000_000) -> Vectors:
    """Different people, centred and of unit norm: nearly orthogonal."""
    drawn = np.random.default_rng(seed).standard_normal((n_speakers, EMBEDDING_SIZE))
    basis, _ = np.linalg.qr(drawn.T)
    people: Vectors = basis.T[:n_speakers].astype(np.float32)
    return people


def samples_of(voice: Vectors, n: int, seed: int = 0, spread: float = 0.3) -> Vectors:
    """The same person several times: about 0.9 alike."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n, EMBEDDING_SIZE)) * spread / np.sqrt(EMBEDDING_SIZE)
    drawn = voice + noise
    same: Vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return same


def analyses(
    turns: Sequence[tuple[int, int, int]], n_frames: int, *, seed: int = 0
) -> list[WindowAnalysis]:
    """What a perfect analysis of a recording would be, local speakers being numbered at random.

    Args:
        turns: first frame, the one behind the last, and the speaker; they do not overlap.
        n_frames: of the recording; a number of steps and a window.
        seed: of the local numbers and of the voices' variation.
    """
    rng = np.random.default_rng(seed)
    people = voices(1 + max(speaker for *_, speaker in turns))
    mean = projection().mean
    found = []
    for first in range(0, n_frames - WINDOW // FRAME_STEP + 1, STEP // FRAME_STEP):
        sets = np.zeros(N_FRAMES, np.uint8)
        local = dict(zip(range(len(people)), rng.permutation(3).tolist(), strict=False))
        pieces = []
        for start, end, speaker in turns:
            begin, stop = max(0, start - first), min(N_FRAMES, end - first)
            if begin < stop:
                number = local[speaker]
                sets[begin:stop] = LOCAL_SPEAKERS.tolist().index([i == number for i in range(3)])
                voice = samples_of(people[speaker], 1, int(rng.integers(1 << 30)))[0]
                clean_s = (stop - begin) * FRAME_STEP / 16_000
                pieces.append(Piece(number, begin, stop, clean_s, voice * 2 + mean))
        found.append(WindowAnalysis(first * FRAME_STEP, sets, tuple(pieces)))
    return found
