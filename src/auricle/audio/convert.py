"""Decoded frames of one form -> mono at 16 kHz."""

from typing import Any

import numpy as np
import soxr
from av.audio.frame import AudioFrame

from auricle.audio.damage import Damage
from auricle.audio.downmix import Channels, Downmixer
from auricle.audio.waveform import SAMPLE_RATE, Waveform

FULL_SCALE = 4.0
"""Linear, +12 dB; samples above were not meant as -1..1."""
BATCH_S = 0.25
"""Frames may hold 2.5 ms; converting a quarter second at once costs a tenth per sample."""


class Converter:
    """Takes frames of one rate and number of channels; a change of form needs a new one."""

    def __init__(self, sample_rate: int, n_channels: int, damage: Damage) -> None:
        self._form = (sample_rate, n_channels)
        self._damage = damage
        self._batch: list[Channels] = []
        self._n_batched = 0
        self._resampler = (
            soxr.ResampleStream(sample_rate, SAMPLE_RATE, n_channels, dtype="float32")
            if sample_rate != SAMPLE_RATE
            else None
        )
        self._downmixer = Downmixer(n_channels) if n_channels > 1 else None

    def fits(self, sample_rate: int, n_channels: int) -> bool:
        """Whether frames of this form can go on here."""
        return self._form == (sample_rate, n_channels)

    def feed(self, frame: AudioFrame) -> Waveform:
        """Convert; some is kept back until `finish`."""
        return self._add(_to_float(frame, self._form[1]))

    def feed_silence(self, n_samples: int) -> Waveform:
        """As a frame of zeros, `n_samples` at the frames' rate."""
        return self._add(np.zeros((n_samples, self._form[1]), np.float32))

    def finish(self) -> Waveform:
        """What was kept back."""
        mixed = [self._convert(is_last=True)]
        if self._downmixer:
            mixed.append(np.clip(self._downmixer.finish(), -1, 1))
        return np.concatenate(mixed)

    def _add(self, channels: Channels) -> Waveform:
        self._batch.append(channels)
        self._n_batched += len(channels)
        if self._n_batched < BATCH_S * self._form[0]:
            return np.zeros(0, np.float32)
        return self._convert(is_last=False)

    def _convert(self, *, is_last: bool) -> Waveform:
        empty = np.zeros((0, self._form[1]), np.float32)
        channels = self._clean(np.concatenate([empty, *self._batch]))
        self._batch, self._n_batched = [], 0
        if self._resampler:
            channels = self._resampler.resample_chunk(channels, last=is_last)
        mixed = self._downmixer.feed(channels) if self._downmixer else channels[:, 0]
        return np.clip(mixed, -1, 1)

    def _clean(self, channels: Channels) -> Channels:
        """NaN and infinity become 0, and nothing is far beyond full scale."""
        peak = np.abs(channels).max(initial=0)
        if peak <= FULL_SCALE:  # False for NaN
            return channels
        bad = ~np.isfinite(channels)
        self._damage.n_bad_samples += int(bad.sum())
        self._damage.is_overdriven |= bool((np.abs(channels[~bad]) > FULL_SCALE).any())
        return np.clip(np.where(bad, np.float32(0), channels), -FULL_SCALE, FULL_SCALE)


def _to_float(frame: AudioFrame, n_channels: int) -> Channels:
    """Samples of any of ffmpeg's formats, shape (n_samples, n_channels), full scale at 1."""
    array: Any = frame.to_ndarray()
    array = array.T if frame.format.is_planar else array.reshape(-1, n_channels)
    with np.errstate(over="ignore"):  # a double may not fit; it becomes infinity
        channels: Channels = array.astype(np.float32, order="C")
    if array.dtype.kind == "u":
        channels = channels / np.float32(128) - np.float32(1)
    elif array.dtype.kind == "i":
        channels /= np.float32(2.0 ** (8 * array.dtype.itemsize - 1))
    return channels
