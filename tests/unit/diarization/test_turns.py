from collections.abc import Sequence

import numpy as np
import pytest

from auricle.diarization.turns import PADDING_S, Turn, resolve
from auricle.diarization.windows import FRAME_LENGTH, FRAME_S, FRAME_STEP
from unit.diarization.synthetic import analyses, projection

SPOKEN = ((20, 400, 1), (430, 800, 0), (830, 1_400, 1), (1_450, 1_700, 0))
N_FRAMES = 589 + 6 * 222 + 3
N_SAMPLES = N_FRAMES * FRAME_STEP


def turns_of(seed: int, spoken: Sequence[tuple[int, int, int]] = SPOKEN) -> tuple[Turn, ...]:
    found = analyses(spoken, N_FRAMES, seed=seed)
    return resolve(found, N_SAMPLES, projection()).turns


def test_turns_are_where_they_were_spoken() -> None:
    turns = turns_of(0)
    assert [turn.speaker for turn in turns] == [0, 1, 0, 1]  # by first speech
    for turn, (first, end, _) in zip(turns, SPOKEN, strict=True):
        shift_s = (FRAME_LENGTH - FRAME_STEP) / 2 / 16_000
        assert turn.start == pytest.approx(first * FRAME_S + shift_s - PADDING_S, abs=FRAME_S)
        assert turn.end == pytest.approx(end * FRAME_S + shift_s + PADDING_S, abs=FRAME_S)


@pytest.mark.parametrize("seed", range(1, 5))
def test_turns_do_not_depend_on_local_numbers(seed: int) -> None:
    assert turns_of(seed) == turns_of(0)


def test_relabelling_the_speakers_changes_nothing() -> None:
    swapped = tuple((first, end, 1 - speaker) for first, end, speaker in SPOKEN)
    assert turns_of(0, swapped) == turns_of(0)


def test_a_pause_is_part_of_a_turn_unless_somebody_speaks_in_it() -> None:
    second = round(1 / FRAME_S)
    alone = ((20, 400, 0), (400 + second, 800, 0), (900, 1_500, 1))
    assert [turn.speaker for turn in turns_of(0, alone)] == [0, 1]
    answered = (*alone[:1], (405, 395 + second, 1), *alone[1:])
    assert [turn.speaker for turn in turns_of(0, answered)] == [0, 1, 0, 1]


def test_turns_stay_inside_the_recording_and_in_order() -> None:
    spoken = ((0, 300, 0), (310, 900, 1), (910, N_FRAMES, 0))
    turns = turns_of(0, spoken)
    assert turns[0].start == 0
    assert max(turn.end for turn in turns) <= N_SAMPLES / 16_000
    assert list(turns) == sorted(turns, key=lambda turn: turn.start)
    assert all(turn.start < turn.end for turn in turns)


def test_nobody_has_no_turns() -> None:
    silence = analyses(((0, 1, 0),), N_FRAMES)
    empty = [type(a)(a.start, np.zeros_like(a.sets), ()) for a in silence]
    speakers = resolve(empty, N_SAMPLES, projection())
    assert speakers.turns == ()
    assert len(speakers.voices) == 0
