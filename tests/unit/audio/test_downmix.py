import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.audio.downmix import RAMP, STEP, Channels, Downmixer
from auricle.audio.waveform import SAMPLE_RATE, Waveform
from harness.media import decode, level_db, similarity, tone, wav
from harness.speech import ASK_NOT

SPEECH, _ = decode(ASK_NOT.path)
SILENCE = np.zeros_like(SPEECH)
OTHER = np.roll(SPEECH[::-1], 3_000).copy()  # another voice: as loud, not correlated


def mix(*channels: Waveform, cuts: tuple[int, ...] = ()) -> Waveform:
    stacked: Channels = np.stack(channels, axis=1)
    mixer = Downmixer(len(channels))
    parts = [mixer.feed(part) for part in np.split(stacked, cuts)]
    return np.concatenate([*parts, mixer.finish()])


def noise(level: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return (level * rng.standard_normal(len(SPEECH))).astype(np.float32)


@pytest.mark.parametrize(
    "channels",
    [
        (SPEECH, SPEECH),
        (SPEECH, -SPEECH),
        (SILENCE, SPEECH),
        (SPEECH, SILENCE),
        (SILENCE, SILENCE, SPEECH, SILENCE, SILENCE, SILENCE),
        (SPEECH, -SPEECH, SPEECH, -SPEECH, SILENCE),
        (SPEECH, -0.8 * SPEECH),
    ],
    ids=["equal", "mirrored", "right", "left", "centre of six", "mirrored and empty", "nearly"],
)
def test_one_voice_keeps_its_level_and_form(channels: tuple[Waveform, ...]) -> None:
    mixed = mix(*channels)
    assert len(mixed) == len(SPEECH)
    assert similarity(mixed, SPEECH) > 0.999
    assert level_db(mixed) == pytest.approx(level_db(SPEECH), abs=1.5)


def test_mirrored_channels_with_noise_of_their_own_keep_the_voice() -> None:
    mixed = mix(SPEECH + noise(0.003), -SPEECH + noise(0.002)[::-1])
    assert similarity(mixed, SPEECH) > 0.99


def test_first_word_is_mixed_right() -> None:
    """The levels of a step are known before it is mixed, so nothing is lost at the start."""
    mixed = mix(SPEECH, -SPEECH)
    first = slice(0, SAMPLE_RATE)
    np.testing.assert_allclose(np.abs(mixed[first]), np.abs(SPEECH[first]), atol=1e-5)


def test_voices_on_their_own_channels_are_both_heard() -> None:
    """A dialogue: each falls silent while the other speaks, for longer than the memory."""
    turns = np.arange(len(SPEECH)) // (2 * SAMPLE_RATE) % 2
    left, right = np.where(turns == 0, SPEECH, 0), np.where(turns == 1, OTHER, 0)
    mixed = mix(np.tile(left, 6).astype(np.float32), np.tile(right, 6).astype(np.float32))
    expected = np.tile(left + right, 6)
    assert similarity(mixed, expected.astype(np.float32)) > 0.97
    assert level_db(mixed) > level_db(expected.astype(np.float32)) - 7


def test_voice_on_a_channel_that_was_silent_is_heard_at_once() -> None:
    left, right = np.append(SPEECH, SILENCE), np.append(SILENCE, SPEECH)
    mixed = mix(left, right)
    word = slice(len(SPEECH), len(SPEECH) + SAMPLE_RATE)
    assert level_db(mixed[word]) > level_db(right[word]) - 6.1  # no less than in the mean


def test_sound_that_mixes_as_a_mean_is_left_alone() -> None:
    mixed = mix(SPEECH, OTHER)
    np.testing.assert_allclose(mixed[-STEP:], (SPEECH + OTHER)[-STEP:] / 2, atol=0.02)


def test_signs_and_gain_change_without_clicks() -> None:
    """A steady tone whose right channel turns around, falls silent, and comes back."""
    left = tone(8.0, hz=100)
    right = np.concatenate([left, -left, 0 * left, left])
    mixed = mix(np.tile(left, 4), right)
    steepest = np.abs(np.diff(left)).max()
    limit = 2 * steepest + 2 / RAMP  # the tone at twice its level, and the ramp
    jumps = np.abs(np.diff(mixed))
    jumps[[8 * SAMPLE_RATE * i - 1 for i in (1, 2, 3)]] = 0  # the recording's own
    assert jumps.max() < limit


@pytest.mark.parametrize(
    "cuts", [(1,), (100, 101, 9_000), (STEP, 2 * STEP), tuple(range(0, 80_000, 777))]
)
def test_cut_of_the_stream_does_not_matter(cuts: tuple[int, ...]) -> None:
    channels = (SPEECH, -SPEECH + noise(0.01), 0.3 * OTHER)
    np.testing.assert_array_equal(mix(*channels, cuts=cuts), mix(*channels))


def test_silence_stays_silence() -> None:
    assert not mix(SILENCE, SILENCE).any()


def test_decoder_uses_it_for_several_channels() -> None:
    waveform, _ = decode(wav(np.stack([SPEECH, -SPEECH], axis=1)))
    assert similarity(waveform, SPEECH) > 0.999
