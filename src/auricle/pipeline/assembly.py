"""From what an engine heard in each window to one transcript on the recording's clock."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import Hypothesis
from auricle.errors import EngineFailed
from auricle.pipeline.windows import Window
from auricle.transcript.events import (
    LanguageDetected,
    Progress,
    SegmentCompleted,
    TextDelta,
    TranscriptEvent,
)
from auricle.transcript.joining import join_texts, separator
from auricle.transcript.model import Segment, Transcript, Word


class TranscriptAssembly:
    """Takes windows in order, gives events; what it has given it never takes back."""

    def __init__(self, *, announce_language: bool, keep_segments: bool) -> None:
        """Start empty.

        Args:
            announce_language: whether the first language is an event.
            keep_segments: whether segments are asked for.
        """
        self._announce_language = announce_language
        self._keep_segments = keep_segments
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
        for segment in hypothesis.segments:
            placed = self._place(window, segment)
            if self._keep_segments:
                self._segments.append(placed)
                events.append(SegmentCompleted(placed))
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

    def _place(self, window: Window, segment: Segment) -> Segment:
        """The segment on the recording's clock, after everything before it."""
        start_s, end_s = _in_speech(window, segment.start, segment.end)
        start_s = max(start_s, self._clock_s)
        end_s = max(start_s, end_s)
        self._clock_s = end_s
        words = _place_words(window, segment.words, start_s, end_s)
        return replace(segment, start=start_s, end=end_s, words=words)


def _place_words(
    window: Window, words: Sequence[Word], start_s: float, end_s: float
) -> tuple[Word, ...]:
    """Words on the recording's clock, in order and inside their segment."""
    placed = []
    clock_s = start_s
    for word in words:
        word_start_s, word_end_s = _in_speech(window, word.start, word.end)
        word_start_s = min(max(word_start_s, clock_s), end_s)
        word_end_s = min(max(word_end_s, word_start_s), end_s)
        clock_s = word_end_s
        placed.append(replace(word, start=word_start_s, end=word_end_s))
    return tuple(placed)


def _in_speech(window: Window, start_s: float, end_s: float) -> tuple[float, float]:
    """A stretch of the window on the recording's clock, without silence at its edges."""
    start = window.to_recording_s(start_s) * SAMPLE_RATE
    end = window.to_recording_s(end_s, is_end=True) * SAMPLE_RATE
    speech = [span for piece in window.pieces for span in piece.speech]
    later = [span.start for span in speech if span.end > start]
    earlier = [span.end for span in speech if span.start < end]
    if later:
        start = max(start, later[0])
    if earlier:
        end = min(end, earlier[-1])
    return start / SAMPLE_RATE, max(start, end) / SAMPLE_RATE
