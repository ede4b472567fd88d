"""Loudness for the speech detector: a quiet recording is raised before Silero hears it.

Silero misses a quarter of the speech at -40 dB and finds it again after this gain. Only the
detector's input is changed. The level is the loudest frame of late (it falls by RELEASE_DB_PER_S),
so pauses are raised slowly and speech between them is not pumped; what is at a normal level is
left alone, and MAX_GAIN_DB keeps the hiss of an empty recording far below speech.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE
from auricle.vad.segmenter import FRAME_LENGTH

TARGET_DB = -23.0  # dB of full scale: level of a recording that needs no gain
MAX_GAIN_DB = 30.0
RELEASE_DB_PER_S = 3.0
_FRAME_S = FRAME_LENGTH / SAMPLE_RATE
_SILENCE = 1e-20  # mean square


@dataclass(frozen=True, slots=True)
class Loudness:
    """Behind a frame: the level of the recording, None before its first, and the gain, a factor."""

    level_db: float | None = None
    gain: float = 1.0

    def after(self, frame_db: float) -> "Loudness":
        """Behind one more frame of that level."""
        if self.level_db is None:
            return Loudness(frame_db, _gain(frame_db))
        level_db = max(frame_db, self.level_db - RELEASE_DB_PER_S * _FRAME_S)
        return Loudness(level_db, _gain(level_db))


def _gain(level_db: float) -> float:
    gain_db = min(MAX_GAIN_DB, max(0.0, TARGET_DB - level_db))
    return float(10 ** (gain_db / 20))


def _levels_db(frames: NDArray[np.float32]) -> list[float]:
    mean_square = np.square(frames, dtype=np.float64).mean(axis=1)
    levels: list[float] = (10 * np.log10(np.maximum(mean_square, _SILENCE))).tolist()
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
    gains = []
    for frame_db in _levels_db(frames):
        following = loudness.after(frame_db)
        begin = following.gain if loudness.level_db is None else loudness.gain
        gains.append((begin, following.gain))
        loudness = following
    begins, ends = np.array(gains).T[:, :, None]
    share = np.arange(1, FRAME_LENGTH + 1) / FRAME_LENGTH
    raised = frames * (begins + (ends - begins) * share)
    return np.clip(raised, -1, 1).astype(np.float32), loudness
