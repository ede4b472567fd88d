import pytest

from auricle.audio.waveform import SAMPLE_RATE, Span
from auricle.vad.segmenter import FRAME_LENGTH, Segmenter, SegmenterOptions

FRAME_MS = 32
OPTIONS = SegmenterOptions(
    threshold=0.5,
    exit_threshold=0.3,
    min_speech_ms=3 * FRAME_MS,
    min_silence_ms=10 * FRAME_MS,
    pad_ms=4 * FRAME_MS,
    max_speech_s=100 * FRAME_MS / 1000,
)
PAD = 4

Pattern = list[tuple[float, int]]


def frames(pattern: Pattern) -> list[float]:
    """Probabilities: each value as often as its number says."""
    return [value for value, n in pattern for _ in range(n)]


def spans(pattern: Pattern, options: SegmenterOptions = OPTIONS) -> list[tuple[float, float]]:
    """Spans of a whole recording, in frames."""
    segmenter = Segmenter(options)
    values = frames(pattern)
    found = segmenter.feed(values) + segmenter.finish(len(values) * FRAME_LENGTH)
    return [(span.start / FRAME_LENGTH, span.end / FRAME_LENGTH) for span in found]


def test_speech_becomes_one_padded_span() -> None:
    assert spans([(0.1, 20), (0.9, 30), (0.1, 20)]) == [(20 - PAD, 50 + PAD)]


def test_nothing_gives_nothing() -> None:
    assert spans([]) == []
    assert spans([(0.1, 500)]) == []


def test_speech_at_the_edges_is_padded_no_further_than_the_recording() -> None:
    assert spans([(0.9, 30)]) == [(0, 30)]
    assert spans([(0.1, 2), (0.9, 30), (0.1, 1)]) == [(0, 33)]


def test_speech_begins_at_the_threshold_and_goes_on_above_the_exit() -> None:
    assert spans([(0.1, 20), (0.4, 20), (0.1, 20)]) == []
    assert spans([(0.1, 20), (0.5, 5), (0.3, 20), (0.1, 20)]) == [(20 - PAD, 45 + PAD)]


def test_pause_shorter_than_the_silence_belongs_to_the_speech() -> None:
    assert spans([(0.9, 20), (0.1, 9), (0.9, 20), (0.1, 20)]) == [(0, 49 + PAD)]
    assert spans([(0.9, 20), (0.1, 10), (0.9, 20), (0.1, 20)]) == [(0, 24), (26, 54)]


def test_blip_shorter_than_speech_is_dropped() -> None:
    assert spans([(0.1, 20), (0.9, 2), (0.1, 20)]) == []
    assert spans([(0.1, 20), (0.9, 3), (0.1, 20)]) == [(20 - PAD, 23 + PAD)]


def test_padding_of_neighbours_does_not_overlap() -> None:
    options = SegmenterOptions(min_silence_ms=320, pad_ms=320)
    found = spans([(0.9, 20), (0.1, 12), (0.9, 20), (0.1, 30)], options)
    assert found == [(0, 30), (30, 62)]


def test_span_goes_out_as_soon_as_its_end_is_certain() -> None:
    segmenter = Segmenter(OPTIONS)
    assert segmenter.feed(frames([(0.1, 20), (0.9, 30), (0.1, 9)])) == []
    assert segmenter.feed([0.1]) == [Span(16 * FRAME_LENGTH, 54 * FRAME_LENGTH)]


def test_long_speech_is_cut_at_the_longest_pause_of_its_second_half() -> None:
    pattern = [(0.9, 30), (0.1, 9), (0.9, 21), (0.1, 3), (0.9, 12), (0.1, 6), (0.9, 40), (0.1, 20)]
    assert spans(pattern) == [(0, 78), (78, 121 + PAD)]


def test_of_equal_pauses_the_later_is_cut() -> None:
    pattern = [(0.9, 60), (0.1, 4), (0.9, 16), (0.1, 4), (0.9, 40), (0.1, 20)]
    assert spans(pattern) == [(0, 82), (82, 124 + PAD)]


def test_long_speech_without_a_pause_is_cut_where_it_is_least_probable() -> None:
    pattern = [(0.9, 20), (0.35, 1), (0.9, 49), (0.4, 1), (0.9, 60), (0.1, 20)]
    assert spans(pattern) == [(0, 70), (70, 131 + PAD)]


def test_even_speech_is_cut_at_the_maximum() -> None:
    assert spans([(0.9, 250), (0.1, 20)]) == [(0, 99), (99, 198), (198, 250 + PAD)]


def test_cut_goes_out_at_the_maximum() -> None:
    segmenter = Segmenter(OPTIONS)
    assert segmenter.feed(frames([(0.9, 99)])) == []
    assert len(segmenter.feed([0.9])) == 1
    assert segmenter.is_speaking is False  # a single frame is left, not yet enough


def test_maximum_reached_in_a_pause_ends_the_speech_there() -> None:
    assert spans([(0.9, 95), (0.1, 60)]) == [(0, 97.5)]


def open_speech(segmenter: Segmenter) -> tuple[bool, int | None]:
    return segmenter.is_speaking, segmenter.open_start


def test_open_speech_is_known_while_it_lasts() -> None:
    segmenter = Segmenter(OPTIONS)
    assert open_speech(segmenter) == (False, None)
    segmenter.feed(frames([(0.1, 20), (0.9, 2)]))
    assert open_speech(segmenter) == (False, None)
    segmenter.feed([0.9])
    assert open_speech(segmenter) == (True, 16 * FRAME_LENGTH)
    segmenter.feed(frames([(0.1, 9)]))
    assert open_speech(segmenter) == (True, 16 * FRAME_LENGTH)
    segmenter.feed([0.1])
    assert open_speech(segmenter) == (False, None)


def test_defaults_keep_every_span_inside_a_window_of_thirty_seconds() -> None:
    segmenter = Segmenter()
    found = segmenter.feed([0.9] * 5_000)
    assert found
    assert max(span.n_samples for span in found) <= 30 * SAMPLE_RATE


def test_last_frame_may_be_incomplete() -> None:
    segmenter = Segmenter(OPTIONS)
    segmenter.feed([0.9] * 10)
    assert segmenter.finish(9 * FRAME_LENGTH + 1) == [Span(0, 9 * FRAME_LENGTH + 1)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 0.3, "exit_threshold": 0.4},
        {"threshold": 1.1},
        {"exit_threshold": 0.0},
        {"pad_ms": 400},
        {"pad_ms": -1},
        {"max_speech_s": 0.5},
    ],
    ids=str,
)
def test_options_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"needs|too short"):
        SegmenterOptions(**wrong)  # type: ignore[arg-type]  # values of the right types
