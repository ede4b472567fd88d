import numpy as np

from auricle.diarization.naming import main_voice, name_speakers
from auricle.diarization.turns import Speakers, Turn
from unit.diarization.synthetic import samples_of, voices

ANNA, BEN, CARL = voices(3)


def test_strangers_are_numbered() -> None:
    assert name_speakers(np.stack([ANNA, BEN]), {}) == ["speaker_1", "speaker_2"]
    assert name_speakers(np.zeros((0, 192), np.float32), {"anna": ANNA}) == []


def test_known_voices_have_their_names() -> None:
    speakers = np.stack([BEN, CARL, ANNA])
    known = {"Anna": samples_of(ANNA, 1)[0], "Ben": samples_of(BEN, 1)[0]}
    assert name_speakers(speakers, known) == ["Ben", "speaker_1", "Anna"]


def test_nobody_has_two_names_and_no_name_two_speakers() -> None:
    twins = np.stack([samples_of(ANNA, 1)[0], ANNA])
    assert name_speakers(twins, {"Anna": ANNA}) == ["speaker_1", "Anna"]
    assert name_speakers(np.stack([ANNA]), {"A": samples_of(ANNA, 1)[0], "B": ANNA}) == ["B"]


def test_a_taken_number_is_skipped() -> None:
    assert name_speakers(np.stack([BEN, ANNA]), {"speaker_1": ANNA}) == ["speaker_2", "speaker_1"]


def test_the_main_voice_speaks_most() -> None:
    turns = (Turn(0, 1, 0), Turn(1, 4, 1), Turn(5, 6, 0))
    found = main_voice(Speakers(turns, np.stack([ANNA, BEN])))
    assert found is not None
    np.testing.assert_array_equal(found, BEN)
    assert main_voice(Speakers((), np.zeros((0, 192), np.float32))) is None
