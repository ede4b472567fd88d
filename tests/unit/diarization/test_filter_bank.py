import numpy as np

from auricle.audio.waveform import Waveform
from auricle.diarization.filter_bank import FRAME_LENGTH, HOP_LENGTH, N_BINS, filter_bank


def noise(n_samples: int) -> Waveform:
    samples = np.random.default_rng(0).standard_normal(n_samples) * 0.05
    return samples.astype(np.float32)


def by_the_book(frame: Waveform) -> np.ndarray:
    """One frame, step by step as Kaldi documents it."""
    samples = frame.astype(np.float64) * 32768
    samples -= samples.mean()
    samples = np.array([x - 0.97 * samples[max(0, i - 1)] for i, x in enumerate(samples)])
    samples *= (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85
    power = np.abs(np.fft.rfft(samples, 512)) ** 2
    low, high = 1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 8000 / 700)
    width = (high - low) / (N_BINS + 1)
    mels = 1127 * np.log(1 + np.arange(256) * 31.25 / 700)
    bins = []
    for i in range(N_BINS):
        centre = low + (i + 1) * width
        weights = np.clip(1 - np.abs(mels - centre) / width, 0, None)
        bins.append(np.log(max(weights @ power[:256], np.finfo(np.float32).eps)))
    return np.array(bins)


def test_frames_are_kaldis() -> None:
    waveform = noise(2_000)
    features = filter_bank(waveform)
    assert features.shape == (11, N_BINS)
    for i in (0, 5, 10):
        expected = by_the_book(waveform[i * HOP_LENGTH : i * HOP_LENGTH + FRAME_LENGTH])
        np.testing.assert_allclose(features[i], expected, atol=2e-3)  # float32 against float64


def test_less_than_a_frame_has_no_features() -> None:
    assert filter_bank(noise(FRAME_LENGTH - 1)).shape == (0, N_BINS)
    assert filter_bank(noise(FRAME_LENGTH)).shape == (1, N_BINS)


def test_silence_is_finite() -> None:
    assert np.isfinite(filter_bank(np.zeros(1_600, np.float32))).all()
