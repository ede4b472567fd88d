"""From what an engine heard in each window to one transcript on the recording's clock."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from auricle.engines.protocol import Hypothesis
from auricle.errors import EngineFailed
from auricle.pipeline.options import Granularity
from auricle.pipeline.placing import place_words
from auricle.pipeline.windows import Window
from auricle.transcript.events import (
    LanguageDetected,
    Progress,
    SegmentCompleted,
    TextDelta,
    TranscriptEvent,
)
from auricle.transcript.joining import join_texts, join_words, separator
from auricle.transcript.model import Segment, Transcript, Word
from auricle.transcript.sentences import segments_of_words


class TranscriptAssembly:
    """Takes windows in order, gives events; what it has given it never takes back."""

    def __init__(self, *, announce_language: bool, granularity: Granularity | None) -> None:
        """Start empty.

        Args:
            announce_language: whether the first language is an event.
            granularity: whether segments are asked for, and whether with words.
        """
        self._announce_language = announce_language
        self._granularity = granularity
        self._settled = ""  # text of the windows that are done
        self._sent = ""  # text given out; runs ahead of _settled inside a window
        self._segments: list[Segment] = []
        self._clock_s = 0.0
        self._speech_s: defaultdict[str, float] = defaultdict(float)

    @property
    def language(self) -> str | None:
        """The language most was spoken in so far, as a two-letter code; None without speech."""
        two_letters = {code: s for code, s in self._speech_s.items() if len(code) == 2}
        return max(two_letters, key=lambda code: two_letters[code]) if two_letters else None

    def add_delta(self, text: str, language: str) -> list[TranscriptEvent]:
        """Text of the current window that is final already, and the window's language."""
        is_start = self._sent == self._settled
        fresh = text.lstrip() if is_start else text
        if not fresh:
            return []
        prefix = separator(self._settled, fresh) if is_start else ""
        self._sent += prefix + fresh
        return [*self._announcement(language), TextDelta(prefix + fresh)]

    def add_window(self, window: Window, hypothesis: Hypothesis) -> list[TranscriptEvent]:
        """All of a window; its deltas so far must be how its text begins.

        Raises:
            EngineFailed: they are not.
        """
        events: list[TranscriptEvent] = []
        texts = [segment.text for segment in hypothesis.segments]
        if any(texts):
            events += self._note_language(hypothesis, window)
        text = join_texts([self._settled, *texts])
        if not text.startswith(self._sent):
            raise EngineFailed("an engine's final text does not begin with its deltas")
        if rest := text[len(self._sent) :]:
            events.append(TextDelta(rest))
        self._settled = self._sent = text
        if self._granularity is not None:
            segments = self._place(window, hypothesis.segments)
            self._segments += segments
            events += map(SegmentCompleted, segments)
        events.append(Progress(window.end_s))
        return events

    def transcript(
        self, duration_s: float, notices: Sequence[str], timings: dict[str, float]
    ) -> Transcript:
        """What the events so far add up to."""
        return Transcript(
            text=self._settled,
            language=self.language,
            segments=tuple(self._segments),
            duration_s=duration_s,
            notices=tuple(notices),
            timings=timings,
        )

    def _note_language(self, hypothesis: Hypothesis, window: Window) -> list[TranscriptEvent]:
        self._speech_s[hypothesis.language] += window.duration_s
        return self._announcement(hypothesis.language)

    def _announcement(self, language: str) -> list[TranscriptEvent]:
        """The first language, once; the wire knows codes of two letters only."""
        if self._announce_language and len(language) == 2:
            self._announce_language = False
            return [LanguageDetected(language)]
        return []

    def _place(self, window: Window, heard: Sequence[Segment]) -> list[Segment]:
        """What was heard on the recording's clock, after everything before it."""
        words = place_words(window, _words(heard), self._clock_s)
        if not words:
            return []
        self._clock_s = words[-1].end
        segments = segments_of_words(words)
        if self._granularity == "word":
            return segments
        return [replace(segment, words=()) for segment in segments]


def _words(segments: Iterable[Segment]) -> list[Word]:
    """The words of all segments; a segment without is one. Joined they are the segments' text."""
    words: list[Word] = []
    for segment in segments:
        own = segment.words
        if join_words(own) != segment.text:
            own = (Word(segment.text, segment.start, segment.end, segment.score),)
        if words:
            is_glued = not separator(words[-1].text, own[0].text)
            own = (replace(own[0], glued=is_glued), *own[1:])
        words += own
    return words
