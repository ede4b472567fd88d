from fractions import Fraction

import av
import pytest

from auricle.audio.timeline import MAX_GAP_S, MIN_GAP_S, MIN_LATE_START_S, Timeline

RATE = 1_000
LENGTH = 100


def frame(time_s: float | None) -> av.AudioFrame:
    made = av.AudioFrame(format="flt", layout="mono", samples=LENGTH)
    made.sample_rate = RATE
    if time_s is not None:
        made.pts = round(time_s * 1_000_000)
        made.time_base = Fraction(1, 1_000_000)
    return made


def missing(timeline: Timeline, *times_s: float | None) -> list[int]:
    return [sum(timeline.missing(frame(time_s))) for time_s in times_s]


def test_frames_on_time_need_no_silence() -> None:
    timeline = Timeline(0)
    assert missing(timeline, 0, 0.1, 0.2) == [0, 0, 0]
    assert timeline.filled_s == 0


def test_hole_becomes_silence_of_its_length() -> None:
    timeline = Timeline(0)
    assert missing(timeline, 0, 1.1, 1.2) == [0, 1_000, 0]
    assert timeline.filled_s == pytest.approx(1)


def test_small_holes_add_up_until_they_count() -> None:
    step = 0.1 + MIN_GAP_S * 0.6
    filled = missing(Timeline(0), *(i * step for i in range(5)))
    assert filled == [0, 0, 60, 0, 60]


def test_late_start_is_silence_but_no_damage() -> None:
    timeline = Timeline(2_000_000)
    assert missing(timeline, 5.0, 5.1) == [3_000, 0]
    assert timeline.filled_s == 0


def test_priming_at_the_start_is_not_filled() -> None:
    assert missing(Timeline(0), MIN_LATE_START_S, 0.2) == [0, 0]


def test_recording_that_starts_anywhere_starts_at_its_first_frame() -> None:
    assert missing(Timeline(None), 1_000.0, 1_000.1) == [0, 0]


def test_clock_that_jumps_far_ahead_is_followed_without_silence() -> None:
    jump_s = MAX_GAP_S + 1
    timeline = Timeline(0)
    assert missing(timeline, 0, 0.1 + jump_s, 0.2 + jump_s) == [0, 0, 0]


def test_clock_that_jumps_back_is_followed() -> None:
    assert missing(Timeline(0), 10.0, 0, 0.1, 1.2) == [10_000, 0, 0, 1_000]


def test_frames_without_times_follow_each_other() -> None:
    assert missing(Timeline(0), 0, None, None, 0.3, 1.4) == [0, 0, 0, 0, 1_000]


def test_long_silence_is_handed_out_in_pieces() -> None:
    timeline = Timeline(0)
    list(timeline.missing(frame(0)))
    assert list(timeline.missing(frame(2.6))) == [1_000, 1_000, 500]
