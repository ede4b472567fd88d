"""Utterances packed into windows, and times mapped back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.audio.waveform import SAMPLE_RATE, Span
from auricle.pipeline.windows import Window, WindowOptions, WindowPacker
from auricle.vad.segmenter import FRAME_LENGTH


def spans_s(*edges: tuple[float, float]) -> list[Span]:
    return [Span(round(a * SAMPLE_RATE), round(b * SAMPLE_RATE)) for a, b in edges]


def pack(spans: list[Span], length_s: float, options: WindowOptions | None = None) -> list[Window]:
    """Windows of a recording whose sample i has the value i."""
    packer = WindowPacker(options or WindowOptions())
    packer.add_audio(np.arange(round(length_s * SAMPLE_RATE), dtype=np.float32))
    windows = [window for span in spans for window in packer.add_span(span)]
    return windows + packer.finish()


def test_no_speech_gives_no_window() -> None:
    assert pack([], 10) == []


def test_short_pauses_are_kept_whole_and_long_ones_to_a_second() -> None:
    (window,) = pack(spans_s((1, 2), (2.5, 3), (8, 9)), 10)
    assert window.duration_s == pytest.approx(1 + 0.5 + 0.5 + 1.0 + 1)
    assert [piece.start / SAMPLE_RATE for piece in window.pieces] == [1.0, 7.5]


def test_every_sample_is_the_recordings_own() -> None:
    (window,) = pack(spans_s((1, 2), (8, 9)), 10)
    for piece in window.pieces:
        inside = window.waveform[piece.at : piece.at + piece.n_samples]
        assert np.array_equal(inside, np.arange(piece.start, piece.end, dtype=np.float32))


def test_times_map_back_over_a_cut_pause() -> None:
    (window,) = pack(spans_s((1, 2), (8, 9)), 10)
    assert window.to_recording_s(0.5) == pytest.approx(1.5)
    assert window.to_recording_s(1.5, is_end=True) == pytest.approx(2.5)
    assert window.to_recording_s(1.5) == pytest.approx(7.5)
    assert window.to_recording_s(2.5) == pytest.approx(8.5)
    assert window.to_recording_s(99) == pytest.approx(9)


def test_a_tail_keeps_the_clock_and_the_speech() -> None:
    (window,) = pack(spans_s((1, 3), (8, 10)), 10)
    tail = window.tail(1.0)
    assert tail.duration_s == pytest.approx(window.duration_s - 1)
    assert tail.to_recording_s(0.25) == pytest.approx(2.25)
    assert tail.speech_after_s(0) == pytest.approx(3)
    assert tail.to_recording_s(tail.duration_s) == pytest.approx(10)


def test_speech_after_counts_speech_only() -> None:
    (window,) = pack(spans_s((1, 2), (2.5, 4)), 10)
    assert window.speech_after_s(0.5) == pytest.approx(2.0)
    assert window.speech_after_s(1.25) == pytest.approx(1.5)


def test_what_fits_one_window_is_not_split() -> None:
    (window,) = pack(spans_s((0, 7), (8, 12), (14, 28)), 30)
    assert len(window.pieces) == 2


def test_the_first_of_several_windows_is_short_and_ends_at_the_longest_pause() -> None:
    windows = pack(spans_s((0, 7), (7.4, 9), (9.9, 12), (12.4, 20), (20.4, 33)), 34)
    assert [window.start_s for window in windows] == [0, pytest.approx(9.9)]


def test_later_windows_end_at_the_longest_pause_that_leaves_them_full() -> None:
    first = [(0, 10)]
    later = [(11, 20), (20.6, 33.1), (33.5, 37), (37.9, 39.5), (39.9, 44)]
    windows = pack(spans_s(*first, *later), 45)
    assert [window.start_s for window in windows] == [0, 11, pytest.approx(37.9)]


def test_a_window_is_ready_as_soon_as_more_speech_is_pending_than_fits() -> None:
    packer = WindowPacker(WindowOptions())
    packer.add_audio(np.zeros(32 * SAMPLE_RATE, np.float32))
    assert packer.add_span(Span(0, 13 * SAMPLE_RATE)) == []
    assert packer.add_span(Span(14 * SAMPLE_RATE, 20 * SAMPLE_RATE)) == []
    assert len(packer.add_span(Span(21 * SAMPLE_RATE, 32 * SAMPLE_RATE))) == 1


def hear(packer: WindowPacker, length_s: float, *pauses: tuple[float, float]) -> None:
    """Audio of which all but the pauses is speech."""
    n_frames = round(length_s * SAMPLE_RATE) // FRAME_LENGTH
    at_s = np.arange(n_frames) * FRAME_LENGTH / SAMPLE_RATE
    speech = np.ones(n_frames)
    for start, end in pauses:
        speech[(start <= at_s) & (at_s < end)] = 0
    packer.add_audio(np.zeros(n_frames * FRAME_LENGTH, np.float32), speech)


def test_the_first_window_of_a_long_recording_is_ready_as_soon_as_it_is_full() -> None:
    packer = WindowPacker(WindowOptions())
    hear(packer, 12.5, (6.0, 6.9), (8, 8.8), (10, 10.4))
    for span in spans_s((0, 6), (6.9, 8), (8.8, 10)):
        assert packer.add_span(span) == []
    assert packer.begin(100, 10 * SAMPLE_RATE) == [], "not yet"
    hear(packer, 1.0)
    assert packer.begin(59, 10 * SAMPLE_RATE) == [], "not in a short recording"
    (window,) = packer.begin(100, 10 * SAMPLE_RATE)
    assert window.end_s == pytest.approx(8.0)
    assert packer.begin(100, 10 * SAMPLE_RATE) == [], "only the first"
    (rest,) = packer.finish()
    assert rest.start_s == pytest.approx(8.8)


def test_it_ends_in_a_short_pause_where_there_is_no_long_one() -> None:
    packer = WindowPacker(WindowOptions())
    hear(packer, 13.5, (3, 3.3), (9, 9.3), (11, 11.2))
    assert packer.add_span(Span(0, 1 * SAMPLE_RATE)) == []
    (window,) = packer.begin(100, 2 * SAMPLE_RATE)
    assert 9.0 < window.end_s < 9.3
    hear(packer, 6.5)
    assert packer.add_span(Span(2 * SAMPLE_RATE, 20 * SAMPLE_RATE)) == []
    (rest,) = packer.finish()
    assert rest.start_s == window.end_s
    assert rest.end_s == pytest.approx(20, abs=0.1)


def test_it_ends_in_a_long_pause_as_soon_as_there_is_enough() -> None:
    packer = WindowPacker(WindowOptions())
    hear(packer, 8.9, (4, 4.5), (8, 9))
    assert packer.add_span(Span(0, 4 * SAMPLE_RATE)) == []
    assert packer.add_span(Span(round(4.5 * SAMPLE_RATE), 8 * SAMPLE_RATE)) == []
    assert packer.begin(100, None) == [], "the pause is not long yet"
    hear(packer, 0.3, (0, 1))
    (window,) = packer.begin(100, None)
    assert window.end_s == pytest.approx(8)
    assert packer.finish() == []


def test_without_any_pause_the_first_window_waits_for_one() -> None:
    packer = WindowPacker(WindowOptions())
    hear(packer, 20, (3, 3.3), (15, 15.5))
    assert packer.begin(100, 0) == []


def test_speech_from_the_very_first_sample_is_kept() -> None:
    packer = WindowPacker(WindowOptions())
    for _ in range(5):
        packer.add_audio(np.zeros(SAMPLE_RATE, np.float32))
    packer.add_span(Span(0, 4 * SAMPLE_RATE))
    packer.drop_before(5 * SAMPLE_RATE)
    (window,) = packer.finish()
    assert window.duration_s == 4


def test_old_audio_is_dropped() -> None:
    packer = WindowPacker(WindowOptions())
    for second in range(3600):
        packer.add_audio(np.zeros(SAMPLE_RATE, np.float32))
        packer.drop_before((second + 1) * SAMPLE_RATE)
    assert sum(len(block) for block in packer._audio) <= 3 * SAMPLE_RATE


def test_speech_without_long_pauses_keeps_no_more_audio_than_a_window() -> None:
    packer = WindowPacker(WindowOptions())
    second = np.zeros(SAMPLE_RATE, np.float32)
    windows, most = 0, 0
    for start in range(0, 1200, 5):
        for _ in range(5):
            packer.add_audio(second)
        windows += len(packer.add_span(*spans_s((start + 0.1, start + 4.8))))
        packer.drop_before((start + 5) * SAMPLE_RATE)
        most = max(most, sum(map(len, packer._audio)))
    assert windows > 1200 / 31
    assert most <= 45 * SAMPLE_RATE


@given(
    st.lists(st.tuples(st.floats(0.05, 5), st.floats(0.1, 28)), max_size=30),
    st.sampled_from([WindowOptions(), WindowOptions(first_min_s=1, min_s=5)]),
)
def test_all_speech_is_in_windows_in_order_and_within_bounds(
    shape: list[tuple[float, float]], options: WindowOptions
) -> None:
    spans, at = [], 0.0
    for pause_s, speech_s in shape:
        spans += spans_s((at + pause_s, at + pause_s + speech_s))
        at += pause_s + speech_s
    windows = pack(spans, at + 1, options)
    found = [span for window in windows for piece in window.pieces for span in piece.speech]
    assert found == spans
    for window in windows:
        assert window.duration_s <= options.max_s + 1e-3
        assert len(window.waveform) == sum(piece.n_samples for piece in window.pieces)
    ends = [0.0, *(window.end_s for window in windows)]
    assert all(end <= window.start_s for end, window in zip(ends, windows, strict=False))
