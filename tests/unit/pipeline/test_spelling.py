"""Events with a caller's phrases in them: deltas, segments, words and the whole agree."""

from collections.abc import AsyncGenerator

from hypothesis import given
from hypothesis import strategies as st

from auricle.pipeline.spelling import with_spelling
from auricle.transcript.events import (
    Completed,
    Progress,
    SegmentCompleted,
    TextDelta,
    TranscriptEvent,
)
from auricle.transcript.joining import join_texts, join_words
from auricle.transcript.model import Segment, Transcript, Word
from auricle.transcript.spelling import Spelling

PHRASES = ("New York", "GraphQL", "iOS")


def segment(text: str) -> Segment:
    return Segment(text, 0.0, 1.0, words=tuple(Word(word, 0.0, 1.0) for word in text.split()))


async def spelt(windows: list[list[str]], cuts: list[int]) -> list[TranscriptEvent]:
    """The events of windows of segments, whose text comes in pieces of these lengths."""

    async def events() -> AsyncGenerator[TranscriptEvent, None]:
        sent, segments = "", list[Segment]()
        sizes = iter(cuts)
        for window in windows:
            text = join_texts([sent, *window])
            while sent != text:
                piece = text[len(sent) :][: next(sizes, 1000)]
                sent += piece
                yield TextDelta(piece)
            for each in window:
                segments.append(segment(each))
                yield SegmentCompleted(segments[-1])
            yield Progress(1.0)
        yield Completed(Transcript(sent, "en", tuple(segments), 1.0))

    return [event async for event in with_spelling(events(), Spelling(PHRASES))]


def texts(events: list[TranscriptEvent]) -> tuple[str, str, list[Segment], Transcript]:
    whole = next(event.transcript for event in events if isinstance(event, Completed))
    segments = [event.segment for event in events if isinstance(event, SegmentCompleted)]
    deltas = "".join(event.text for event in events if isinstance(event, TextDelta))
    return deltas, whole.text, segments, whole


async def test_a_phrase_that_comes_in_pieces() -> None:
    windows = [["We use graphql in new york.", "Ios too."]]
    deltas, whole, segments, _ = texts(await spelt(windows, [10, 3, 5, 1, 4]))
    assert deltas == whole == "We use GraphQL in New York. iOS too."
    assert [each.text for each in segments] == ["We use GraphQL in New York.", "iOS too."]
    assert join_words(segments[0].words) == segments[0].text


async def test_a_phrase_over_the_edge_of_segments_is_spelt_in_both() -> None:
    deltas, whole, segments, _ = texts(await spelt([["I love new", "york a lot."]], []))
    assert deltas == whole == "I love New York a lot."
    assert [each.text for each in segments] == ["I love New", "York a lot."]


@given(
    st.lists(
        st.lists(
            st.sampled_from(["new york", "New", "york!", "a GRAPHQL", "ios", "xios b"]), max_size=3
        ),
        max_size=3,
    ),
    st.lists(st.integers(1, 6), max_size=20),
)
async def test_all_texts_agree(windows: list[list[str]], cuts: list[int]) -> None:
    deltas, whole, segments, transcript = texts(await spelt(windows, cuts))
    assert deltas == whole == join_texts(each.text for each in segments)
    assert tuple(segments) == transcript.segments
    assert whole.casefold() == join_texts(t for window in windows for t in window).casefold()
    for each in segments:
        assert join_words(each.words) == each.text
