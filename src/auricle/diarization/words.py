"""Words x turns: every word gets its speaker, segments end where the speaker changes."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from auricle.diarization.turns import Turn
from auricle.transcript.joining import join_words
from auricle.transcript.model import Segment, Word

MAX_WORD_S = 1.2
"""A word that seems longer has swallowed a pause: only its beginning counts."""
LATE_S = 0.1
"""Words are given this much later than their times say: those begin with the pause before."""
MAX_EDGE_S = 0.5
"""The first and last segment of a turn that come this near to its edge reach to it."""
MAX_STRAY_WORDS, MIN_MAIN_SHARE = 5, 0.6
"""So many words at a sentence's edge follow the turn that has this share of it."""
MAX_DISTANCE_S = 1.0
"""A word outside all turns belongs to a turn this near, else to the one before."""


class TurnFinder:
    """Whose turn it is. Words are asked for in order, for ties go to the turn that is on."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        """Take the turns, sorted by start."""
        self._turns = turns
        self._starts = [turn.start for turn in turns]
        self._longest_s = max((turn.end - turn.start for turn in turns), default=0.0)
        self._running: Turn | None = turns[0] if turns else None

    def find(self, start: float, end: float) -> Turn | None:
        """The turn that is heard most in this stretch; None if there are no turns at all."""
        best: tuple[float, bool] = (-MAX_DISTANCE_S, False)
        for turn in self._near(start, end):
            overlap_s = min(end, turn.end) - max(start, turn.start)
            rank = (overlap_s, turn == self._running)
            if rank >= best:
                best, self._running = rank, turn
        return self._running

    def _near(self, start: float, end: float) -> Sequence[Turn]:
        first = bisect_right(self._starts, start - self._longest_s - MAX_DISTANCE_S)
        last = bisect_right(self._starts, end + MAX_DISTANCE_S)
        return self._turns[max(0, first - 1) : last]


def label_segments(
    segments: Iterable[Segment], turns: Sequence[Turn], names: Sequence[str]
) -> list[Segment]:
    """The same words in order, each with its speaker, in segments of one turn and inside it.

    A segment without words is given whole to the turn that is heard most in it.

    Args:
        segments: in order of time.
        turns: sorted by start; without any, nobody has a name.
        names: of the speakers, by their number.
    """
    finder = TurnFinder(turns)
    labelled: list[tuple[Segment, Turn | None]] = []
    for segment in segments:
        if not segment.words:
            turn = finder.find(segment.start, segment.end)
            labelled.append((_given(segment, turn, names), turn))
            continue
        found = [(word, _turn_of(word, finder)) for word in segment.words]
        runs = [
            _Run(tuple(word for word, _ in run), turn)
            for turn, run in groupby(found, key=lambda pair: pair[1])
        ]
        runs = _settled(runs)
        for part, run in zip(_split(segment, [r.words for r in runs]), runs, strict=True):
            labelled.append((_given(part, run.turn, names, run.beyond), run.turn))
    return _reaching(labelled)


@dataclass(frozen=True, slots=True)
class _Run:
    """Words of one turn; those `beyond` it were heard in a turn beside it."""

    words: tuple[Word, ...]
    turn: Turn | None
    beyond: tuple[Word, ...] = ()


def _settled(runs: list[_Run]) -> list[_Run]:
    """The runs of a sentence, without the few words at its edges that are another turn's.

    Turns change where sentences do: one that begins a word too late, or too early, would else
    take words of its neighbour.
    """
    main = max(runs, key=lambda run: len(run.words))
    at = runs.index(main)
    strays = [run for run in runs if run is not main]
    if len(main.words) < MIN_MAIN_SHARE * sum(len(run.words) for run in runs):
        return runs
    if any(len(run.words) > MAX_STRAY_WORDS for run in strays) or at > 1 or at < len(runs) - 2:
        return runs
    words = tuple(word for run in runs for word in run.words)
    return [_Run(words, main.turn, tuple(word for run in strays for word in run.words))]


def _turn_of(word: Word, finder: TurnFinder) -> Turn | None:
    end = min(word.end, word.start + MAX_WORD_S)
    return finder.find(word.start + LATE_S, end + LATE_S)


def _split(segment: Segment, runs: Sequence[tuple[Word, ...]]) -> list[Segment]:
    """A segment for each run of words; the outer times stay."""
    if len(runs) == 1:
        return [segment]
    return [
        replace(
            segment,
            text=join_words(run),
            start=segment.start if i == 0 else run[0].start,
            end=segment.end if i == len(runs) - 1 else run[-1].end,
            words=run,
        )
        for i, run in enumerate(runs)
    ]


def _given(
    segment: Segment, turn: Turn | None, names: Sequence[str], beyond: Sequence[Word] = ()
) -> Segment:
    """The segment and its words with their speaker, and without the silence around the turn."""
    if turn is None:
        return segment
    name = names[turn.speaker]
    start, end = segment.start, segment.end
    first = min([turn.start, *(word.start for word in beyond)])
    last = max([turn.end, *(word.end for word in beyond)])
    if start < last and end > first:
        start, end = max(start, first), min(end, last)
    words = tuple(
        replace(
            word,
            start=min(max(word.start, start), end),
            end=min(max(word.end, start), end),
            speaker=name,
        )
        for word in segment.words
    )
    return replace(segment, start=start, end=end, words=words, speaker=name)


def _reaching(labelled: Sequence[tuple[Segment, Turn | None]]) -> list[Segment]:
    """The segments without gaps inside a turn, the outer ones reaching to its edges.

    Nobody else is in the way: whose turn it is speaks on after a pause.
    """
    reaching: list[Segment] = []
    for i, (segment, turn) in enumerate(labelled):
        start, end = segment.start, segment.end
        if turn is not None:
            last, last_turn = labelled[i - 1] if i else (None, None)
            if last_turn != turn and 0 < start - turn.start <= MAX_EDGE_S:
                start = max(turn.start, reaching[-1].end if last else 0.0)
            following, next_turn = labelled[i + 1] if i + 1 < len(labelled) else (None, None)
            if following and next_turn == turn and _covers(turn, end, following.start):
                end = following.start
            elif 0 < turn.end - end <= MAX_EDGE_S:
                end = min(turn.end, following.start if following else turn.end)
        start = min(start, segment.start)
        reaching.append(replace(segment, start=start, end=max(end, segment.end)))
    return reaching


def _covers(turn: Turn, start: float, end: float) -> bool:
    return turn.start <= start and end <= turn.end
