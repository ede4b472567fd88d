"""Whisper's input: log-mel spectrograms.

The definition is that of Radford et al. 2022 (openai/whisper `audio.py`): 25 ms Hann windows
every 10 ms, Slaney-style mel filters, log10 clipped 8 below the maximum, scaled to about -1..1.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE

N_FFT = 400  # samples, 25 ms
HOP_LENGTH = 160  # samples, 10 ms
FRAMES_PER_S = SAMPLE_RATE // HOP_LENGTH
SMALLEST = 1e-10
"""Power in a mel band below which nothing is told apart: what silence has."""

_FRAMES_AT_ONCE = 128
"""What lies between two steps of the computation then stays near the core."""

LogMel = NDArray[np.float32]
"""Shape (n_mels, n_frames), one frame every HOP_LENGTH samples."""


def _hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    linear = hz * 3 / 200
    with np.errstate(divide="ignore"):
        logarithmic = 15 + np.log(np.maximum(hz, 1e-9) / 1000) * 27 / np.log(6.4)
    return np.where(hz < 1000, linear, logarithmic)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


@cache
def mel_filters(n_mels: int) -> NDArray[np.float32]:
    """Triangular filters of unit area, shape (n_mels, N_FFT // 2 + 1)."""
    fft_hz = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    top = _hz_to_mel(np.array([SAMPLE_RATE / 2]))[0]
    edges_hz = _mel_to_hz(np.linspace(0, top, n_mels + 2))
    width = np.diff(edges_hz)
    ramps = edges_hz[:, None] - fft_hz[None]
    rising = -ramps[:-2] / width[:-1, None]
    falling = ramps[2:] / width[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    area = 2 / (edges_hz[2:] - edges_hz[:-2])
    filters: NDArray[np.float32] = (triangles * area[:, None]).astype(np.float32)
    return filters


@cache
def _hann() -> NDArray[np.float32]:
    """Periodic Hann window, shape (N_FFT,)."""
    return np.hanning(N_FFT + 1)[:-1].astype(np.float32)


def log_mel(waveform: NDArray[np.float32], n_mels: int, n_frames: int) -> LogMel:
    """The spectrogram of a waveform, padded with silence or cut to `n_frames`.

    Args:
        waveform: mono samples at 16 kHz, shape (n_samples,), -1 to 1.
        n_mels: 80, or 128 for large-v3 and its kin.
        n_frames: length of the result; 3000 is Whisper's own 30 s.

    Returns:
        Shape (n_mels, n_frames), float32, about -1 to 1.
    """
    n_samples = n_frames * HOP_LENGTH
    padded = np.zeros(n_samples, np.float32)
    padded[: min(len(waveform), n_samples)] = waveform[:n_samples]
    padded = np.pad(padded, N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH]
    # Frames that reach no sample of the recording are silent: they need no transform.
    n_sounding = min(n_frames, (len(waveform) + N_FFT // 2) // HOP_LENGTH + 1)
    log = np.full((n_mels, n_frames), np.log10(SMALLEST), np.float32)
    for first in range(0, n_sounding, _FRAMES_AT_ONCE):
        some = slice(first, min(first + _FRAMES_AT_ONCE, n_sounding))
        spectrum = np.fft.rfft(frames[some] * _hann(), axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        log[:, some] = np.log10(np.maximum(mel_filters(n_mels) @ power.T, SMALLEST))
    scaled: LogMel = (np.maximum(log, log.max() - 8) + 4) / 4
    return scaled
