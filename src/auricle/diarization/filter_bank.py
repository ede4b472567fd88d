"""Log-mel filter bank features as the embedding network was trained on (Kaldi's `fbank`).

80 bins, 25 ms frames every 10 ms, Povey window, pre-emphasis 0.97, no dither, only whole
frames; `compute-fbank-feats` of Kaldi with these options gives the same within rounding.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE, Waveform

FilterBank = NDArray[np.float32]
"""Log energies, shape (n_frames, N_BINS)."""

N_BINS = 80
FRAMES_PER_S = 100
FRAME_LENGTH = SAMPLE_RATE // 40  # samples
HOP_LENGTH = SAMPLE_RATE // FRAMES_PER_S  # samples
_N_FFT = 512
_LOWEST_HZ = 20.0
_PRE_EMPHASIS = 0.97
_FULL_SCALE = 32768  # Kaldi's samples are 16-bit integers
_FLOOR = float(np.finfo(np.float32).eps)


def filter_bank(waveform: Waveform) -> FilterBank:
    """Features of a stretch of audio; none if it is shorter than a frame."""
    if len(waveform) < FRAME_LENGTH:
        return np.zeros((0, N_BINS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, FRAME_LENGTH)[::HOP_LENGTH]
    centred = (frames - frames.mean(axis=1, keepdims=True)) * np.float32(_FULL_SCALE)
    shifted = np.concatenate([centred[:, :1], centred[:, :-1]], axis=1)
    emphasised = (centred - np.float32(_PRE_EMPHASIS) * shifted) * _window()
    spectrum = np.fft.rfft(emphasised, _N_FFT)[:, : _N_FFT // 2]
    power = spectrum.real**2 + spectrum.imag**2
    energies = power.astype(np.float32) @ _mel_filters()
    features: FilterBank = np.log(np.maximum(energies, np.float32(_FLOOR)))
    return features


@cache
def _window() -> NDArray[np.float32]:
    """Povey's: a Hann window to the power of 0.85."""
    return (np.hanning(FRAME_LENGTH) ** 0.85).astype(np.float32)


@cache
def _mel_filters() -> NDArray[np.float32]:
    """Triangles, equally wide on the mel scale up to half the sample rate.

    Shape (_N_FFT / 2, N_BINS).
    """
    bins_hz = np.arange(_N_FFT // 2) * SAMPLE_RATE / _N_FFT
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(SAMPLE_RATE / 2), N_BINS + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    mel = _mel(bins_hz)[:, None]
    rising = (mel - left) / (centre - left)
    falling = (right - mel) / (right - centre)
    filters: NDArray[np.float32] = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return filters


def _mel(hz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log(1 + np.asarray(hz) / 700.0))
