"""Words on the recording's clock, and what becomes of the pauses at their edges."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from auricle.audio.waveform import SAMPLE_RATE, Span
from auricle.pipeline.placing import place_words, without_pauses
from auricle.pipeline.windows import Piece, Window
from auricle.transcript.model import Word

PAUSES = [(1.0, 2.0), (3.0, 5.0)]


def span(start_s: float, end_s: float) -> Span:
    return Span(round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE))


def window(*pieces: tuple[float, float], pauses: list[tuple[float, float]]) -> Window:
    """Pieces and pauses in seconds of the recording."""
    made, at = [], 0
    for start_s, end_s in pieces:
        whole = span(start_s, end_s)
        inside = tuple(span(a, b) for a, b in pauses if start_s <= a and b <= end_s)
        made.append(Piece(at, whole.start, whole.n_samples, (whole,), inside))
        at += whole.n_samples
    return Window(np.zeros(at, np.float32), tuple(made))


def test_a_word_does_not_begin_or_end_with_a_pause() -> None:
    assert without_pauses(1.5, 2.8, PAUSES) == (2.0, 2.8)
    assert without_pauses(2.2, 4.9, PAUSES) == (2.2, 3.0)
    assert without_pauses(1.2, 4.0, PAUSES) == (2.0, 3.0)


def test_of_a_word_around_a_pause_the_longer_part_counts() -> None:
    assert without_pauses(0.2, 2.1, PAUSES) == (0.2, 1.0)
    assert without_pauses(0.9, 2.6, PAUSES) == (2.0, 2.6)


def test_a_word_too_faint_for_the_detector_stays() -> None:
    assert without_pauses(1.2, 1.6, PAUSES) == (1.2, 1.6)


def test_the_pause_that_a_window_leaves_out_is_in_no_word() -> None:
    ours = window((0, 2), (8, 10), pauses=[(1.5, 2.0), (8.0, 8.5)])
    words = place_words(ours, [Word("before", 1.0, 2.3), Word("behind", 2.3, 3.5)], 0.0)
    assert [(word.start, word.end) for word in words] == [(1.0, 1.5), (8.5, 9.5)]


def test_a_word_is_not_longer_than_words_are() -> None:
    ours = window((0, 10), pauses=[])
    long_word, sentence = place_words(ours, [Word("it", 1, 6), Word("a " * 20, 6, 10)], 0.0)
    assert (long_word.start, long_word.end) == (1, 3)
    assert (sentence.start, sentence.end) == (6, 10)


def test_of_a_sentences_first_word_that_is_too_long_the_end_counts() -> None:
    ours = window((0, 10), pauses=[])
    words = [Word("No.", 0, 1), Word("Who", 1, 8), Word("is", 8, 9)]
    placed = place_words(ours, words, 0.0)
    assert [(word.start, word.end) for word in placed] == [(0, 1), (6, 8), (8, 9)]


times = st.lists(st.floats(0, 6), max_size=12)


@given(times, times, st.floats(0, 3))
def test_words_never_go_back_and_stay_in_the_window(
    edges: list[float], pauses: list[float], not_before_s: float
) -> None:
    edges, pauses = sorted(edges), sorted(pauses)
    words = [Word("w", a, b) for a, b in pairwise(edges)]
    apart = list(zip(pauses[::2], pauses[1::2], strict=False))
    placed = place_words(window((0, 3), (7, 10), pauses=apart), words, not_before_s)
    found = [t for word in placed for t in (word.start, word.end)]
    assert len(placed) == len(words)
    assert found == sorted(found)
    assert all(not_before_s <= t <= 10 for t in found)
