"""Decoded frames of one form -> mono at 16 kHz."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from auricle.audio.damage import Damage
from auricle.audio.downmix import Channels, Downmixer, Levels
from auricle.audio.waveform import SAMPLE_RATE, Waveform

FULL_SCALE = 4.0
"""Linear, +12 dB; samples above were not meant as -1..1."""
BATCH_S = 0.5
"""Frames may hold 2.5 ms; converting half a second at once costs a tenth per sample."""


_NOTHING = np.zeros(0, np.float32)

_DTYPES: dict[str, type[np.generic]] = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "s64": np.int64,
    "flt": np.float32,
    "dbl": np.float64,
}
"""ffmpeg's sample formats; a `p` behind the name means a plane for each channel."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the samples of a frame look like."""

    sample_rate: int  # Hz
    n_channels: int
    sample_format: str  # ffmpeg's name

    @classmethod
    def of(cls, frame: AudioFrame) -> "Form":
        """The form of a frame."""
        return cls(frame.sample_rate, frame.layout.nb_channels, frame.format.name)

    def is_of(self, frame: AudioFrame) -> bool:
        """Whether the frame has this form."""
        return (
            frame.sample_rate == self.sample_rate
            and frame.layout.nb_channels == self.n_channels
            and frame.format.name == self.sample_format
        )

    @property
    def dtype(self) -> type[np.generic]:
        """Of a sample."""
        return _DTYPES[self.sample_format.removesuffix("p")]

    def silence(self, n_samples: int) -> NDArray[Any]:
        """Samples without sound, shape (n_samples, n_channels)."""
        middle = 128 if self.dtype is np.uint8 else 0
        return np.full((n_samples, self.n_channels), middle, self.dtype)

    def to_float(self, samples: NDArray[Any]) -> Channels:
        """The same with full scale at 1; as floats as they are."""
        with np.errstate(over="ignore"):  # a double may not fit; it becomes infinity
            channels: Channels = samples.astype(np.float32, copy=False)
        if samples.dtype.kind == "u":
            return channels / np.float32(128) - np.float32(1)
        if samples.dtype.kind == "i":
            return channels / np.float32(2.0 ** (8 * samples.dtype.itemsize - 1))
        return channels


class Converter:
    """Takes frames of one form; a change of form needs a new one."""

    def __init__(self, form: Form, damage: Damage) -> None:
        self.form = form
        self._damage = damage
        self._batch = [form.silence(0)]
        self._n_batched = 0
        self._n_at_once = BATCH_S * form.sample_rate
        self._dtype = form.dtype
        self._resampler = (
            soxr.ResampleStream(form.sample_rate, SAMPLE_RATE, form.n_channels, dtype="float32")
            if form.sample_rate != SAMPLE_RATE
            else None
        )
        self._downmixer = Downmixer(form.n_channels) if form.n_channels > 1 else None

    @property
    def levels(self) -> Levels | None:
        """See `Downmixer.levels`."""
        return self._downmixer.levels if self._downmixer else None

    def feed(self, frame: AudioFrame) -> Waveform:
        """Convert; some is kept back until `finish`."""
        return self._add(self._samples(frame))

    def feed_silence(self, n_samples: int) -> Waveform:
        """As a frame of silence, `n_samples` at the frames' rate."""
        return self._add(self.form.silence(n_samples))

    def finish(self) -> Waveform:
        """What was kept back."""
        mixed = [self._convert(is_last=True)]
        if self._downmixer:
            mixed.append(np.clip(self._downmixer.finish(), -1, 1))
        return np.concatenate(mixed)

    def _samples(self, frame: AudioFrame) -> NDArray[Any]:
        """The frame's samples without a copy if it can be, shape (n_samples, n_channels)."""
        n_channels = self.form.n_channels
        buffers: tuple[Any, ...] = frame.planes  # may be longer than their samples
        if len(buffers) == 1:  # packed, or one channel
            values = np.frombuffer(buffers[0], self._dtype)
            return values[: frame.samples * n_channels].reshape(-1, n_channels)
        planes = [np.frombuffer(buffer, self._dtype)[: frame.samples] for buffer in buffers]
        return np.stack(planes, axis=1)

    def _add(self, samples: NDArray[Any]) -> Waveform:
        self._batch.append(samples)
        self._n_batched += len(samples)
        if self._n_batched < self._n_at_once:
            return _NOTHING
        return self._convert(is_last=False)

    def _convert(self, *, is_last: bool) -> Waveform:
        channels = self._clean(self.form.to_float(np.concatenate(self._batch)))
        self._batch, self._n_batched = self._batch[:1], 0
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
