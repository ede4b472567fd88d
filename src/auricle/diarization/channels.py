"""A call with one speaker a channel: the channels say who speaks, better than any network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from auricle.audio.downmix import LEVEL_LENGTH, LEVELS_PER_DB, Levels
from auricle.audio.waveform import SAMPLE_RATE
from auricle.diarization.turns import Speakers, Turn, runs_of, speakers_of

ROW_S = LEVEL_LENGTH / SAMPLE_RATE
ABOVE_NOISE_DB, BELOW_PEAK_DB, FAINTEST_DBFS = 10.0, 35.0, -65.0
"""Speech is louder than a channel's quiet moments, and not far below its loud ones."""
APART_DB = 10.0
"""What is this much louder in the other channel was not said in this one."""
MIN_APART = 0.8
"""Share of the sound that one channel has alone, from which the channels are two microphones."""
MIN_SPOKEN_S, MIN_SPOKEN_SHARE = 0.5, 0.02
"""Of the sound, in each channel; a channel with less is empty."""
MIN_ONE_VOICE = 0.8
"""Share of a channel's speech that has one voice, from which it is one speaker's."""
MIN_RUN = 3  # rows; shorter ones are clicks
PADDING_S = 0.05

_Runs = list[tuple[float, float]]


def speakers_by_channel(levels: Levels, heard: Speakers) -> Speakers | None:
    """The two channels as speakers; None unless each has one speaker, and only that one.

    Args:
        levels: of the two channels.
        heard: the recording's speakers by their voices: the check that a channel has one.
    """
    if not len(levels):
        return None
    decibels = levels.astype(np.float32) / np.float32(-LEVELS_PER_DB)
    loud = decibels >= _thresholds(decibels)
    n_loud = int(loud.any(axis=1).sum())
    apart = np.abs(decibels[:, 0] - decibels[:, 1]) >= APART_DB
    speaks = loud & (decibels >= decibels[:, ::-1] - APART_DB)
    alone = apart[:, None] & loud & (decibels > decibels[:, ::-1])
    least = max(MIN_SPOKEN_S / ROW_S, MIN_SPOKEN_SHARE * n_loud)
    if alone.sum() < MIN_APART * n_loud or alone.sum(axis=0).min() < least:
        return None
    voices = [_voice(_runs(column), heard) for column in alone.T]
    if any(voice is None for voice in voices):
        return None
    runs = [_runs(column) for column in speaks.T]
    rows = np.stack([voice for voice in voices if voice is not None])
    return speakers_of(runs, rows, len(levels) * ROW_S, PADDING_S)


def _thresholds(decibels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The level of each channel from which it is speech, in dBFS."""
    noise, peak = np.percentile(decibels, [10, 99], axis=0)
    threshold = np.maximum(noise + ABOVE_NOISE_DB, peak - BELOW_PEAK_DB)
    faintest: NDArray[np.float32] = np.maximum(threshold, FAINTEST_DBFS)
    return faintest


def _runs(is_on: NDArray[np.bool_]) -> _Runs:
    return [(start * ROW_S, end * ROW_S) for start, end in runs_of(is_on) if end - start >= MIN_RUN]


def _voice(runs: _Runs, heard: Speakers) -> NDArray[np.float32] | None:
    """The one voice in these runs; None if there are several."""
    spoken_s = np.zeros(len(heard.voices))
    for turn in heard.turns:
        spoken_s[turn.speaker] += _overlap_s(turn, runs)
    if not spoken_s.any():
        return np.zeros(heard.voices.shape[1], np.float32)
    if spoken_s.max() < MIN_ONE_VOICE * spoken_s.sum():
        return None
    voice: NDArray[np.float32] = heard.voices[spoken_s.argmax()]
    return voice


def _overlap_s(turn: Turn, runs: Sequence[tuple[float, float]]) -> float:
    return sum(max(0.0, min(turn.end, end) - max(turn.start, start)) for start, end in runs)
