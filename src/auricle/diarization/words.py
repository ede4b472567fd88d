"""Words x turns: every word gets its speaker, segments end where the speaker changes."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from auricle.diarization.turns import Turn
from auricle.transcript.joining import join_words
from auricle.transcript.model import Segment, Word

MAX_WORD_S = 1.2
"""A word that seems longer has swallowed a pause: only its beginning counts."""
LATE_S = 0.1
"""Words are given this much later than their times say: those begin with the pause before."""
MAX_STRAY_WORDS, MIN_MAIN_SHARE = 5, 0.7
"""So many words at a sentence's edge follow the turn that has this share of it."""
MIN_CHANGE_PAUSE_S = 0.35
"""Unless such a pause is between them: then the speaker does change inside the sentence."""
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

    def find(self, start: float, end: float, *, begins: bool = False) -> Turn | None:
        """The turn that is heard most in this stretch; None if there are no turns at all.

        Args:
            start: in seconds.
            end: in seconds.
            begins: whether a sentence begins here: then ties go to the turn that began last.
        """
        running = self._running

        def rank(turn: Turn) -> tuple[float, bool, float]:
            return _overlap_s(turn, start, end), turn == running and not begins, turn.start

        best = max(self._near(start, end), key=rank, default=None)
        if best is not None and _overlap_s(best, start, end) >= -MAX_DISTANCE_S:
            self._running = best
        return self._running

    def _near(self, start: float, end: float) -> Sequence[Turn]:
        first = bisect_right(self._starts, start - self._longest_s - MAX_DISTANCE_S)
        last = bisect_right(self._starts, end + MAX_DISTANCE_S)
        return self._turns[max(0, first - 1) : last]


def _overlap_s(turn: Turn, start: float, end: float) -> float:
    """How long the turn lasts in the stretch; where it does not, its distance, negative."""
    return min(end, turn.end) - max(start, turn.start)


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
        found = [
            (word, _turn_of(word, finder, begins=i == 0)) for i, word in enumerate(segment.words)
        ]
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
    take words of its neighbour. But where there is a pause too, both are right.
    """
    main = max(runs, key=lambda run: len(run.words))
    at = runs.index(main)
    strays = [run for run in runs if run is not main]
    if len(main.words) < MIN_MAIN_SHARE * sum(len(run.words) for run in runs):
        return runs
    if any(len(run.words) > MAX_STRAY_WORDS for run in strays) or at > 1 or at < len(runs) - 2:
        return runs
    if any(b.words[0].start - a.words[-1].end >= MIN_CHANGE_PAUSE_S for a, b in pairwise(runs)):
        return runs
    words = tuple(word for run in runs for word in run.words)
    return [_Run(words, main.turn, tuple(word for run in strays for word in run.words))]


def _turn_of(word: Word, finder: TurnFinder, *, begins: bool) -> Turn | None:
    end = min(word.end, word.start + MAX_WORD_S)
    return finder.find(word.start + LATE_S, end + LATE_S, begins=begins)


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
    """The segments as wide as their turns, without gaps inside them, in order of their starts.

    Whose turn it is speaks on after a pause, and while somebody else speaks: segments of turns
    that overlap do so too. Where a neighbour's words lie outside its own turn, the edge of the
    turns is wrong, and those words are in the way.
    """
    following = _next_in_turn([turn for _, turn in labelled])
    reaching: list[Segment] = []
    for i, (segment, turn) in enumerate(labelled):
        start, end = segment.start, segment.end
        if turn is not None and start < turn.end and end > turn.start:
            if i not in following.values():
                floor = _reach_of(labelled[i - 1], reaching[-1].start) if i else 0.0
                start = min(start, max(turn.start, floor))
            ceiling = labelled[following[i]][0].start if i in following else turn.end
            if i + 1 < len(labelled) and _is_early(*labelled[i + 1]):
                ceiling = min(ceiling, labelled[i + 1][0].start)
            end = max(end, min(turn.end, ceiling))
        reaching.append(replace(segment, start=start, end=end))
    return reaching


def _next_in_turn(turns: Sequence[Turn | None]) -> dict[int, int]:
    """By its index, the next of the same turn."""
    following: dict[int, int] = {}
    last: dict[Turn, int] = {}
    for i, turn in enumerate(turns):
        if turn is None:
            continue
        if turn in last:
            following[last[turn]] = i
        last[turn] = i
    return following


def _reach_of(before: tuple[Segment, Turn | None], start: float) -> float:
    """Where the next may begin: behind words that are late for their turn, else with `start`."""
    segment, turn = before
    return segment.end if turn is None or segment.end > turn.end else start


def _is_early(segment: Segment, turn: Turn | None) -> bool:
    return turn is None or segment.start < turn.start
