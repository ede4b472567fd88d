import numpy as np
import pytest

from auricle.audio.downmix import Levels
from auricle.diarization.channels import speakers_by_channel
from auricle.diarization.turns import Speakers, Turn
from unit.diarization.synthetic import voices

VOICES = voices(2)
LEFT, RIGHT = [(1.0, 4.0), (8.0, 10.0)], [(4.5, 7.5)]
HEARD = Speakers((Turn(1.0, 4.1, 0), Turn(4.4, 7.6, 1), Turn(8.0, 10.0, 0)), VOICES)


def levels(
    left: list[tuple[float, float]], right: list[tuple[float, float]], leak_db: float
) -> Levels:
    """Twelve seconds at -60 dBFS, speech at -20, heard in the other channel `leak_db` below."""
    decibels = np.full((1_200, 2), -60.0)
    for channel, runs in enumerate((left, right)):
        for start, end in runs:
            rows = slice(round(start * 100), round(end * 100))
            decibels[rows, channel] = -20
            decibels[rows, 1 - channel] = np.maximum(decibels[rows, 1 - channel], -20 - leak_db)
    return (-2 * decibels).astype(np.uint8)


@pytest.mark.parametrize("leak_db", [40.0, 20.0, 12.0])
def test_channels_of_one_speaker_each_are_the_speakers(leak_db: float) -> None:
    found = speakers_by_channel(levels(LEFT, RIGHT, leak_db), HEARD)
    assert found is not None
    assert [turn.speaker for turn in found.turns] == [0, 1, 0]
    times = [(turn.start, turn.end) for turn in found.turns]
    assert np.allclose(times, [(0.95, 4.05), (4.45, 7.55), (7.95, 10.05)])
    np.testing.assert_array_equal(found.voices, VOICES)


def test_speech_at_once_is_two_turns() -> None:
    both = levels([(1.0, 5.0)], [(4.0, 9.0)], 40.0)
    heard = Speakers((Turn(1.0, 4.5, 0), Turn(4.5, 9.0, 1)), VOICES)
    found = speakers_by_channel(both, heard)
    assert found is not None
    first, second = found.turns
    assert first.end > second.start


def test_a_room_heard_by_two_microphones_is_not_split() -> None:
    assert speakers_by_channel(levels(LEFT, RIGHT, 4.0), HEARD) is None


def test_an_empty_channel_says_nothing() -> None:
    assert speakers_by_channel(levels(LEFT + RIGHT, [], 40.0), HEARD) is None
    assert speakers_by_channel(np.zeros((0, 2), np.uint8), HEARD) is None


def test_two_voices_in_a_channel_are_left_to_the_voices() -> None:
    crowded = Speakers((Turn(1.0, 4.1, 0), Turn(4.4, 7.6, 1), Turn(8.0, 10.0, 1)), VOICES)
    assert speakers_by_channel(levels(LEFT, RIGHT, 40.0), crowded) is None
