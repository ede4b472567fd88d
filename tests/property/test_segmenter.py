"""What holds for any probabilities and options, however they arrive."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from auricle.audio.waveform import SAMPLE_RATE, Span
from auricle.vad.segmenter import FRAME_LENGTH, Segmenter, SegmenterOptions

runs = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.34, 0.36, 0.49, 0.5, 0.9, 1.0]), st.integers(1, 60)),
    max_size=40,
)
probabilities = runs.map(lambda pairs: [value for value, n in pairs for _ in range(n)])


@st.composite
def options(draw: st.DrawFn) -> SegmenterOptions:
    exit_threshold = draw(st.floats(0.05, 0.6))
    min_silence_ms = draw(st.integers(0, 1_000))
    min_speech_ms = draw(st.integers(0, 500))
    shortest_s = 2 * (min_silence_ms + min_speech_ms) / 1000
    return SegmenterOptions(
        threshold=draw(st.floats(exit_threshold, 0.9)),
        exit_threshold=exit_threshold,
        min_speech_ms=min_speech_ms,
        min_silence_ms=min_silence_ms,
        pad_ms=draw(st.integers(0, min_silence_ms)),
        max_speech_s=draw(st.floats(max(shortest_s + 0.01, 0.2), 40)),
    )


def segment(values: list[float], chosen: SegmenterOptions, n_samples: int) -> list[Span]:
    segmenter = Segmenter(chosen)
    return segmenter.feed(values) + segmenter.finish(n_samples)


@given(probabilities, options(), st.lists(st.integers(0, 2_000)))
def test_any_partition_gives_the_same_spans(
    values: list[float], chosen: SegmenterOptions, cuts: list[int]
) -> None:
    n_samples = len(values) * FRAME_LENGTH
    segmenter = Segmenter(chosen)
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    found = [span for a, b in pairwise(edges) for span in segmenter.feed(values[a:b])]
    assert found + segmenter.finish(n_samples) == segment(values, chosen, n_samples)


@given(probabilities, options(), st.integers(0, FRAME_LENGTH - 1))
def test_spans_are_sorted_disjoint_and_inside(
    values: list[float], chosen: SegmenterOptions, n_missing: int
) -> None:
    n_samples = max(0, len(values) * FRAME_LENGTH - n_missing)
    found = segment(values, chosen, n_samples)
    assert all(0 <= span.start < span.end <= n_samples for span in found)
    assert all(before.end <= after.start for before, after in pairwise(found))


@given(probabilities, options())
def test_no_span_is_longer_than_the_maximum_and_its_padding(
    values: list[float], chosen: SegmenterOptions
) -> None:
    found = segment(values, chosen, len(values) * FRAME_LENGTH)
    longest = chosen.max_speech_s * SAMPLE_RATE + 2 * chosen.pad_ms * SAMPLE_RATE / 1000
    assert all(span.n_samples <= longest + FRAME_LENGTH for span in found)  # whole frames


@given(probabilities, options())
def test_every_loud_stretch_is_in_a_span(values: list[float], chosen: SegmenterOptions) -> None:
    """What is above the threshold for longer than the shortest speech is never lost."""
    found = segment(values, chosen, len(values) * FRAME_LENGTH)
    inside = [
        any(span.start <= i * FRAME_LENGTH < span.end for span in found) for i in range(len(values))
    ]
    shortest = max(1, round(chosen.min_speech_ms * SAMPLE_RATE / 1000 / FRAME_LENGTH))
    run = 0
    for i, value in enumerate([*values, 0.0]):
        if value >= chosen.threshold:
            run += 1
            continue
        # a stretch that a cut divided may leave a rest that is too short
        if run >= 2 * shortest:
            assert sum(inside[i - run : i]) >= run - shortest
        run = 0


@given(probabilities, options(), st.integers(0, 2_000))
def test_spans_once_out_do_not_depend_on_what_follows(
    values: list[float], chosen: SegmenterOptions, n_seen: int
) -> None:
    early = Segmenter(chosen).feed(values[:n_seen])
    assert Segmenter(chosen).feed(values)[: len(early)] == early


@given(probabilities, options(), st.integers(0, 2_000))
def test_open_speech_is_where_the_next_span_will_begin(
    values: list[float], chosen: SegmenterOptions, n_seen: int
) -> None:
    segmenter = Segmenter(chosen)
    segmenter.feed(values[:n_seen])
    start, segmenter_is_sure = segmenter.open_start, segmenter.is_speaking
    later = segmenter.feed(values[n_seen:]) + segmenter.finish(len(values) * FRAME_LENGTH)
    assert (start is not None) == segmenter_is_sure
    if start is not None:
        assert later[0].start == start
