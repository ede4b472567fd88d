"""How word times are judged."""

from math import isnan, nan

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE
from word_edges import EdgeErrors, TimedText, cut_to_sound, edge_errors, edges_of_sound


def test_first_and_last_words_give_the_errors() -> None:
    said = [TimedText("one two three", 1.0, 2.0), TimedText("four five", 3.0, 4.0)]
    heard = [
        TimedText(text, start, end)
        for text, start, end in (
            ("One", 1.1, 1.2),
            ("two", 1.2, 1.5),
            ("tree,", 1.5, 2.5),
            ("four", 2.8, 3.2),
            ("five.", 3.2, 4.5),
        )
    ]
    errors = edge_errors(said, heard, "en", {})
    assert list(errors.starts) == pytest.approx([0.1, -0.2])
    assert list(errors.ends) == pytest.approx([0.5])  # "three" was not heard
    assert (errors.n_scored, errors.n_edges) == (3, 4)
    assert errors.percentile(50) == pytest.approx(0.2)


def test_an_edge_that_is_not_known_is_not_scored() -> None:
    errors = edge_errors([TimedText("one", nan, 2.0)], [TimedText("one", 1, 2)], "en", {})
    assert errors == EdgeErrors((), (0.0,), 1)


def test_sound_is_found_in_the_noise_of_a_room() -> None:
    rng = np.random.default_rng(0)
    hum = 0.02 * np.sin(2 * np.pi * 50 * np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE)
    waveform = (hum + rng.normal(0, 1e-4, len(hum))).astype(np.float32)
    waveform[SAMPLE_RATE : 2 * SAMPLE_RATE] += rng.normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    start, end = edges_of_sound(waveform)
    assert start / SAMPLE_RATE == pytest.approx(1.0, abs=0.02)
    assert end / SAMPLE_RATE == pytest.approx(2.0, abs=0.02)


def test_an_edge_in_anothers_speech_is_not_known() -> None:
    waveform = np.ones(5 * SAMPLE_RATE, np.float32)
    first, second = cut_to_sound([TimedText("a", 0, 3), TimedText("b", 2, 5)], waveform)
    assert isnan(first.end)
    assert isnan(second.start)
    assert not isnan(first.start + second.end)
