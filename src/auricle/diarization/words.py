"""Words x turns: every word gets its speaker, segments end where the speaker changes."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from auricle.diarization.turns import Turn
from auricle.transcript.joining import join_words
from auricle.transcript.model import Segment, Word

MAX_WORD_S = 1.2
"""A word that seems longer has swallowed a pause: only its beginning counts."""
MAX_DISTANCE_S = 1.0
"""A word outside all turns belongs to a turn this near, else to whoever spoke before."""


class SpeakerLabels:
    """Who speaks at a time. Words are asked for in order, for ties go to who speaks already."""

    def __init__(self, turns: Sequence[Turn], names: Sequence[str]) -> None:
        """Take the turns.

        Args:
            turns: sorted by start.
            names: of the speakers, by their number.
        """
        self._turns = turns
        self._names = names
        self._starts = [turn.start for turn in turns]
        self._longest_s = max((turn.end - turn.start for turn in turns), default=0.0)
        self._running: int | None = turns[0].speaker if turns else None

    def speaker(self, start: float, end: float) -> str | None:
        """The name of who is heard most in this stretch; None if there are no turns at all."""
        if self._running is None:
            return None
        overlaps: dict[int, float] = {}
        nearest: tuple[float, int] | None = None
        for turn in self._near(start, end):
            overlap_s = min(end, turn.end) - max(start, turn.start)
            if overlap_s > 0:
                overlaps[turn.speaker] = overlaps.get(turn.speaker, 0.0) + overlap_s
            elif nearest is None or -overlap_s < nearest[0]:
                nearest = (-overlap_s, turn.speaker)
        if overlaps:
            running = self._running
            self._running = max(overlaps, key=lambda s: (overlaps[s], s == running))
        elif nearest is not None and nearest[0] <= MAX_DISTANCE_S:
            self._running = nearest[1]
        return self._names[self._running]

    def _near(self, start: float, end: float) -> Sequence[Turn]:
        first = bisect_right(self._starts, start - self._longest_s - MAX_DISTANCE_S)
        last = bisect_right(self._starts, end + MAX_DISTANCE_S)
        return self._turns[max(0, first - 1) : last]


def label_segments(segments: Iterable[Segment], labels: SpeakerLabels) -> list[Segment]:
    """The same words in order, each with its speaker, in segments of one speaker.

    A segment without words is given to whoever is heard most in it, whole.
    """
    labelled: list[Segment] = []
    for segment in segments:
        if segment.words:
            labelled += _split(segment, [_labelled(word, labels) for word in segment.words])
        else:
            speaker = labels.speaker(segment.start, segment.end)
            labelled.append(replace(segment, speaker=speaker))
    return labelled


def _labelled(word: Word, labels: SpeakerLabels) -> Word:
    end = min(word.end, word.start + MAX_WORD_S)
    return replace(word, speaker=labels.speaker(word.start, end))


def _split(segment: Segment, words: Sequence[Word]) -> list[Segment]:
    """One segment for each run of words of one speaker; the outer times stay."""
    runs = [tuple(run) for _, run in groupby(words, key=lambda word: word.speaker)]
    if len(runs) == 1:
        return [replace(segment, words=runs[0], speaker=words[0].speaker)]
    return [
        replace(
            segment,
            text=join_words(run),
            start=segment.start if i == 0 else run[0].start,
            end=segment.end if i == len(runs) - 1 else run[-1].end,
            words=run,
            speaker=run[0].speaker,
        )
        for i, run in enumerate(runs)
    ]
