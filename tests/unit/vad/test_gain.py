import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.vad.gain import (
    CONTRAST_DB,
    LEVEL_FALL_DB_PER_S,
    MAX_GAIN_DB,
    TARGET_DB,
    Loudness,
    raise_quiet,
)
from auricle.vad.segmenter import FRAME_LENGTH

Frames = NDArray[np.float32]
FRAMES_PER_S = 16_000 / FRAME_LENGTH
NOISE_DB = -75.0


def tone(level_db: float, n_frames: int) -> Frames:
    """Frames of a 500 Hz tone of this level."""
    t = np.arange(n_frames * FRAME_LENGTH) / 16_000
    wave = np.sqrt(2) * 10 ** (level_db / 20) * np.sin(2 * np.pi * 500 * t)
    frames: Frames = wave.astype(np.float32).reshape(n_frames, FRAME_LENGTH)
    return frames


def gains_db(*parts: Frames) -> NDArray[np.float64]:
    """What happens to each frame."""
    frames = np.concatenate(parts)
    raised, _ = raise_quiet(frames, Loudness())
    gains: NDArray[np.float64] = 10 * np.log10(
        np.square(raised).sum(axis=1) / np.square(frames).sum(axis=1)
    )
    return gains


def test_sounds_of_normal_level_are_left_alone() -> None:
    assert gains_db(tone(NOISE_DB, 20), tone(TARGET_DB, 20)) == pytest.approx(0, abs=0.01)


def test_quiet_sounds_are_raised_to_the_target_within_a_frame() -> None:
    gains = gains_db(tone(NOISE_DB, 20), tone(TARGET_DB - 20, 20))
    assert gains[:20] == pytest.approx(0, abs=0.01)
    assert gains[20] > 13
    assert gains[21:] == pytest.approx(20, abs=0.1)


def test_quiet_recording_that_begins_with_a_sound_is_raised_at_its_first_pause() -> None:
    gains = gains_db(tone(-50, 5), tone(-70, 3), tone(-50, 5))
    assert gains[:8] == pytest.approx(0, abs=0.01)
    assert gains[-1] == pytest.approx(-50 * -1 + TARGET_DB, abs=0.1)


def test_gain_is_bounded() -> None:
    gains = gains_db(tone(-95, 20), tone(-70, 20))
    assert gains[-1] == pytest.approx(MAX_GAIN_DB, abs=0.1)


@pytest.mark.parametrize("level_db", [-80, -60, -40])
def test_steady_noise_is_never_raised(level_db: float) -> None:
    assert gains_db(tone(level_db, 200)) == pytest.approx(0, abs=0.01)


def test_sound_that_hardly_stands_out_is_not_raised() -> None:
    gains = gains_db(tone(-60, 20), tone(-60 + CONTRAST_DB - 2, 20))
    assert gains == pytest.approx(0, abs=0.01)


def test_gain_holds_still_in_pauses() -> None:
    """Noise must not rise toward the level of speech while nobody speaks."""
    gains = gains_db(tone(NOISE_DB, 20), tone(TARGET_DB - 10, 20), tone(NOISE_DB, 300))
    assert gains[-300:] == pytest.approx(10, abs=0.1)


def test_quieter_voice_after_a_loud_one_is_raised_after_a_while() -> None:
    n = round(2 * FRAMES_PER_S)
    gains = gains_db(tone(NOISE_DB, 20), tone(TARGET_DB, 20), tone(TARGET_DB - 30, n))
    assert gains[-1] == pytest.approx(2 * LEVEL_FALL_DB_PER_S, abs=0.5)


def test_digital_silence_is_not_the_noise_of_a_room() -> None:
    silence = np.full((20, FRAME_LENGTH), 1e-7, np.float32)
    assert gains_db(silence, tone(-60, 200))[-100:] == pytest.approx(0, abs=0.01)


def test_loud_sound_after_a_quiet_one_does_not_overflow() -> None:
    frames = np.concatenate([tone(NOISE_DB, 10), tone(-55, 10), tone(-6, 10)])
    raised, _ = raise_quiet(frames, Loudness())
    assert np.abs(raised).max() <= 1
    np.testing.assert_allclose(raised[-5:], frames[-5:], atol=1e-4)


def test_gain_moves_without_jumps() -> None:
    """Steady, so that every step of the output is the gain's."""
    frames = np.full((10, FRAME_LENGTH), 0.01, np.float32)
    frames[:5] = 0.001
    raised, _ = raise_quiet(frames, Loudness())
    jumps = np.abs(np.diff(raised.reshape(-1)))
    own = 5 * FRAME_LENGTH - 1  # where the input itself jumps
    assert np.delete(jumps, own).max() < 1e-3


def test_cut_of_the_stream_changes_no_bit() -> None:
    frames = np.concatenate([tone(-50, 7), tone(-20, 3), tone(-70, 9), tone(-45, 6)])
    whole, end = raise_quiet(frames, Loudness())
    loudness = Loudness()
    parts = []
    for part in np.split(frames, [1, 2, 9, 10]):
        raised, loudness = raise_quiet(part, loudness)
        parts.append(raised)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert loudness == end


def test_silence_stays_silent() -> None:
    raised, loudness = raise_quiet(np.zeros((4, FRAME_LENGTH), np.float32), Loudness())
    assert not raised.any()
    assert loudness == Loudness()
