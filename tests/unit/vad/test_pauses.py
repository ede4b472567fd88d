from hypothesis import given
from hypothesis import strategies as st

from auricle.vad.pauses import HANGOVER, MIN_PAUSE, THRESHOLD, PauseFinder
from auricle.vad.segmenter import FRAME_LENGTH

SPEECH, SILENCE = 0.9, 0.1


def pauses(probabilities: list[float], end: int | None = None) -> list[tuple[float, float]]:
    """All pauses of a recording, in frames."""
    finder = PauseFinder()
    finder.feed(probabilities)
    found = finder.between(0, FRAME_LENGTH * len(probabilities) if end is None else end)
    return [(pause.start / FRAME_LENGTH, pause.end / FRAME_LENGTH) for pause in found]


def test_a_pause_begins_before_the_detector_notices() -> None:
    lead = HANGOVER / FRAME_LENGTH
    assert pauses([SPEECH] * 10 + [SILENCE] * 20 + [SPEECH] * 5) == [(10 - lead, 30)]


def test_the_stop_inside_a_word_is_no_pause() -> None:
    assert pauses([SPEECH] * 5 + [SILENCE] * (MIN_PAUSE - 1) + [SPEECH] * 5) == []


def test_a_pause_that_goes_on_counts_already() -> None:
    assert pauses([SILENCE] * 20) == [(0, 20)]


def test_pauses_are_cut_to_the_stretch() -> None:
    assert pauses([SILENCE] * 20, end=7 * FRAME_LENGTH) == [(0, 7)]


def test_what_was_dropped_is_gone_and_the_rest_stays() -> None:
    finder = PauseFinder()
    finder.feed([SILENCE] * 10 + [SPEECH] * 10 + [SILENCE] * 10 + [SPEECH])
    finder.drop_before(15 * FRAME_LENGTH)
    (pause,) = finder.between(0, 31 * FRAME_LENGTH)
    assert pause.end == 30 * FRAME_LENGTH


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(0, 60))
def test_however_frames_arrive_pauses_are_the_same_in_order_and_hold_no_speech(
    probabilities: list[float], cut: int
) -> None:
    at_once, in_two = PauseFinder(), PauseFinder()
    at_once.feed(probabilities)
    in_two.feed(probabilities[:cut])
    in_two.feed(probabilities[cut:])
    end = FRAME_LENGTH * len(probabilities)
    found = at_once.between(0, end)
    assert found == in_two.between(0, end)
    edges = [edge for pause in found for edge in (pause.start, pause.end)]
    assert edges == sorted(edges)
    for pause in found:
        inside = range((pause.start + HANGOVER) // FRAME_LENGTH, pause.end // FRAME_LENGTH)
        assert all(probabilities[i] < THRESHOLD for i in inside if pause.start)
