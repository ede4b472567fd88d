"""Loudness for the speech detector: a quiet recording is raised before Silero hears it.

Silero misses a quarter of the speech at -40 dB. A plain automatic gain makes it worse: it lifts
the noise before a word to the level of the word, and the model then hears no contrast. So the
level that the gain aims at is that of frames that stand out from the noise floor, the gain holds
still in pauses, and before anything stood out there is none. Only the detector's input changes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE
from auricle.vad.segmenter import FRAME_LENGTH

TARGET_DB = -23.0
"""DB of full scale: the level of loud frames that need no gain."""
MAX_GAIN_DB = 30.0
CONTRAST_DB = 12.0
"""What stands so far above the floor is a sound, not the noise."""
LEVEL_FALL_DB_PER_S = 6.0
"""Of sounds, so that a second, quieter voice is raised after a while."""
FLOOR_RISE_DB_PER_S = 2.0
FLOOR_FALL = 0.5
"""Share of the way down that the floor takes in a frame: it follows pauses between words."""
SILENCE_DB = -110.0
"""Below is digital silence, which says nothing about the noise of the room."""
_FRAME_S = FRAME_LENGTH / SAMPLE_RATE


_SHARES = (np.arange(1, FRAME_LENGTH + 1) / FRAME_LENGTH).astype(np.float32)
"""Of the way from a frame's first gain to its last one."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """What is known behind a frame; None: nothing yet. The gain is a factor."""

    floor_db: float | None = None
    level_db: float | None = None
    gain: float = 1.0


def _floor_after(frame_db: float, floor_db: float | None) -> float:
    if floor_db is None:
        return frame_db
    if frame_db < floor_db:
        return floor_db + FLOOR_FALL * (frame_db - floor_db)
    return min(frame_db, floor_db + FLOOR_RISE_DB_PER_S * _FRAME_S)


def _level_after(frame_db: float, level_db: float | None) -> float:
    if level_db is None:
        return frame_db
    return max(frame_db, level_db - LEVEL_FALL_DB_PER_S * _FRAME_S)


def _gain(level_db: float | None) -> float:
    if level_db is None:
        return 1.0
    gain_db = min(MAX_GAIN_DB, max(0.0, TARGET_DB - level_db))
    return float(10 ** (gain_db / 20))


def _levels_db(frames: NDArray[np.float32]) -> list[float]:
    mean_square = np.einsum("ij,ij->i", frames, frames) / FRAME_LENGTH
    levels: list[float] = (10 * np.log10(np.maximum(mean_square, 1e-20))).tolist()
    return levels


def raise_quiet(
    frames: NDArray[np.float32], loudness: Loudness
) -> tuple[NDArray[np.float32], Loudness]:
    """Apply the gain, moving in a straight line over each frame.

    Args:
        frames: shape (n_frames, FRAME_LENGTH), n_frames > 0.
        loudness: behind the frame before.

    Returns:
        Frames of the same shape, within -1..1, and the loudness behind them.
    """
    floor_db, level_db, gain = loudness.floor_db, loudness.level_db, loudness.gain
    gains = [gain]
    for frame_db in _levels_db(frames):
        if frame_db >= SILENCE_DB:
            floor_db = _floor_after(frame_db, floor_db)
            if frame_db - floor_db >= CONTRAST_DB:
                level_db = _level_after(frame_db, level_db)
                gain = _gain(level_db)
        gains.append(gain)
    behind = Loudness(floor_db, level_db, gain)
    if max(gains) == 1:
        return frames, behind
    edges = np.array(gains, np.float32)[:, None]
    raised = frames * (edges[:-1] + (edges[1:] - edges[:-1]) * _SHARES)
    return np.clip(raised, -1, 1, out=raised), behind
