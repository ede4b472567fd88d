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
_FRAMES_AT_ONCE = 128
"""What lies between two steps of the computation then stays near the core."""
_FLOOR = float(np.finfo(np.float32).eps)


def filter_bank(waveform: Waveform) -> FilterBank:
    """Features of a stretch of audio; none if it is shorter than a frame."""
    if len(waveform) < FRAME_LENGTH:
        return np.zeros((0, N_BINS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, FRAME_LENGTH)[::HOP_LENGTH]
    features = np.empty((len(frames), N_BINS), np.float32)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        power = _power(frames[first : first + _FRAMES_AT_ONCE])
        energies = np.maximum(power @ _mel_filters(), np.float32(_FLOOR))
        np.log(energies, out=features[first : first + _FRAMES_AT_ONCE])
    return features


def _power(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each frequency in frames of shape (n, FRAME_LENGTH), (n, _N_FFT / 2)."""
    centred = (frames - frames.mean(axis=1, keepdims=True)) * np.float32(_FULL_SCALE)
    emphasised = centred.copy()
    emphasised[:, 1:] -= np.float32(_PRE_EMPHASIS) * centred[:, :-1]
    emphasised[:, 0] -= np.float32(_PRE_EMPHASIS) * centred[:, 0]
    spectrum = np.fft.rfft(emphasised * _window(), _N_FFT)[:, : _N_FFT // 2]
    power: NDArray[np.float32] = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return power


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
