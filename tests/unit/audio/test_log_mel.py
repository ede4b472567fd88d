"""Log-mel features against the definition, written out naively."""

import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.audio.log_mel import HOP_LENGTH, N_FFT, log_mel, mel_filters
from auricle.audio.waveform import SAMPLE_RATE


def hz_of_mel(mel: float) -> float:
    """Slaney's scale, as published in his Auditory Toolbox."""
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def naive_filter(n_mels: int, i: int) -> NDArray[np.float64]:
    top = 15 + 27 * np.log(8000 / 1000) / np.log(6.4)
    low, centre, high = (hz_of_mel(top * (i + k) / (n_mels + 1)) for k in range(3))
    bins_hz = np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT
    rising, falling = (bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)
    triangle: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return triangle * 2 / (high - low)


def naive_log_mel(waveform: NDArray[np.float32], n_mels: int, n_frames: int) -> NDArray[np.float64]:
    """A Fourier transform by its sum, one frame after the other."""
    padded = np.zeros(n_frames * HOP_LENGTH)
    padded[: len(waveform)] = waveform
    padded = np.concatenate(
        [padded[N_FFT // 2 : 0 : -1], padded, padded[-2 : -N_FFT // 2 - 2 : -1]]
    )
    n = np.arange(N_FFT)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / N_FFT)
    basis = np.exp(-2j * np.pi * np.outer(np.arange(N_FFT // 2 + 1), n) / N_FFT)
    filters = np.stack([naive_filter(n_mels, i) for i in range(n_mels)])
    columns = []
    for i in range(n_frames):
        frame = padded[i * HOP_LENGTH : i * HOP_LENGTH + N_FFT] * hann
        columns.append(filters @ np.abs(basis @ frame) ** 2)
    log = np.log10(np.maximum(np.stack(columns, 1), 1e-10))
    scaled: NDArray[np.float64] = (np.maximum(log, log.max() - 8) + 4) / 4
    return scaled


@pytest.mark.parametrize("n_mels", [80, 128])
def test_it_is_the_definition(n_mels: int) -> None:
    waveform = np.random.default_rng(1).standard_normal(4000).astype(np.float32) * 0.1
    ours = log_mel(waveform, n_mels, 40)
    assert ours.shape == (n_mels, 40)
    # float32 against float64: errors of the last digit grow under the logarithm
    assert np.abs(ours - naive_log_mel(waveform, n_mels, 40)).max() < 1e-4


@pytest.mark.parametrize("n_mels", [80, 128])
def test_filters_are_the_definition(n_mels: int) -> None:
    naive = np.stack([naive_filter(n_mels, i) for i in range(n_mels)])
    assert np.allclose(mel_filters(n_mels), naive, atol=1e-7)


def test_silence_and_nothing_are_finite() -> None:
    assert np.isfinite(log_mel(np.zeros(0, np.float32), 80, 100)).all()
    assert np.isfinite(log_mel(np.zeros(16000, np.float32), 80, 100)).all()


def test_longer_audio_is_cut() -> None:
    waveform = np.random.default_rng(1).standard_normal(32000).astype(np.float32)
    assert log_mel(waveform, 80, 100).shape == (80, 100)
