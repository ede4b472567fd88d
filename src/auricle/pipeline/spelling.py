"""The events of a transcription with a caller's phrases spelt as the caller gave them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from auricle.transcript.events import (
    Completed,
    Progress,
    SegmentCompleted,
    TextDelta,
    TranscriptEvent,
)
from auricle.transcript.model import Segment, Transcript, Word
from auricle.transcript.spelling import Spelling


async def with_spelling(
    events: AsyncGenerator[TranscriptEvent, None], spelling: Spelling
) -> AsyncGenerator[TranscriptEvent, None]:
    """The same events; text is held back while it may be the beginning of a phrase.

    Segments and words are cut out of the text that the deltas make up, so all agree. A phrase
    that runs from one window into the next is left as it was heard.
    """
    speller = _Speller(spelling)
    async with aclosing(events):
        async for event in events:
            for spelt in speller.spell(event):
                yield spelt


class _Speller:
    """The text so far, as heard and as spelt, which is never longer or shorter."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._heard = ""
        self._spelt = ""  # and given out
        self._position = 0  # up to which segments were cut

    def spell(self, event: TranscriptEvent) -> list[TranscriptEvent]:
        """What becomes of one event."""
        match event:
            case TextDelta():
                self._heard += event.text
                return self._release(is_settled=False)
            case SegmentCompleted():
                released = self._release(is_settled=True)
                return [*released, SegmentCompleted(self._cut(event.segment))]
            case Completed():
                released = self._release(is_settled=True)
                return [*released, Completed(self._whole(event.transcript))]
            case Progress():
                return [*self._release(is_settled=True), event]
            case _:
                return [event]

    def _release(self, *, is_settled: bool) -> list[TranscriptEvent]:
        """The text that was held back, as far as it is settled."""
        n_out = len(self._spelt)
        begin = max(0, n_out - 1)  # the character before says whether a word goes on
        text = self._heard[begin:]
        end = len(text) if is_settled else self._spelling.settled(text, n_out - begin)
        fresh = self._spelling.apply(text)[n_out - begin : end]
        self._spelt += fresh
        return [TextDelta(fresh)] if fresh else []

    def _cut(self, segment: Segment) -> Segment:
        start = self._heard.index(segment.text, self._position)
        self._position = end = start + len(segment.text)
        words = []
        for word in segment.words:
            start = self._heard.index(word.text, start)
            words.append(self._cut_word(word, start))
            start += len(word.text)
        return replace(segment, text=self._spelt[end - len(segment.text) : end], words=tuple(words))

    def _cut_word(self, word: Word, start: int) -> Word:
        return replace(word, text=self._spelt[start : start + len(word.text)])

    def _whole(self, transcript: Transcript) -> Transcript:
        self._position = 0
        segments = tuple(self._cut(segment) for segment in transcript.segments)
        return replace(transcript, text=self._spelt, segments=segments)
