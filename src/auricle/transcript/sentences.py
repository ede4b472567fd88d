"""Words to segments that end where a reader would end them: at sentences and pauses."""

import math
from collections.abc import Callable, Sequence

from auricle.transcript.joining import join_words, separator
from auricle.transcript.model import Segment, Word

LONG_PAUSE_S = 0.8
"""A pause that ends a segment, whatever the text says."""
MAX_SEGMENT_S = 15.0
"""Longer sentences are cut at the best place inside."""
MIN_PART_S = 2.0
"""Of such a sentence no part is made shorter, if there is another place."""
CLAUSE_BONUS_S = 0.5
"""What a comma is worth, against a pause, where a long sentence is cut."""

_SENTENCE_ENDS = frozenset(".?!…。？！।؟")
_CLAUSE_ENDS = frozenset(",;:，；：、،–—")
_CLOSING = "\"'”’)]»」』）"
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "st", "prof", "sr", "sra", "jr", "vs", "nr", "mme", "mlle"}
)


def segments_of_words(words: Sequence[Word]) -> list[Segment]:
    """The words in segments, each with its words; the segments' texts join to the same text.

    Args:
        words: at least one, in order, with times of the recording.
    """
    segments = []
    for sentence in _cut(words, _ends_segment):
        segments += [_segment(part) for part in _shortened(sentence)]
    return segments


def _cut(words: Sequence[Word], is_edge: Callable[[Word, Word], bool]) -> list[Sequence[Word]]:
    """The words in runs that end where there may be an edge and is one."""
    edges = [
        i for i in range(1, len(words)) if _may_cut(words, i) and is_edge(words[i - 1], words[i])
    ]
    return [words[a:b] for a, b in zip([0, *edges], [*edges, len(words)], strict=True)]


def _may_cut(words: Sequence[Word], i: int) -> bool:
    """Whether segments joined before word i would read as the words did."""
    wanted = "" if words[i].glued else " "
    return separator(words[i - 1].text, words[i].text) == wanted


def _ends_segment(word: Word, following: Word) -> bool:
    return following.start - word.end >= LONG_PAUSE_S or ends_sentence(word, following)


def ends_sentence(word: Word, following: Word) -> bool:
    """Whether a sentence ends between these two, by their texts alone."""
    text = word.text.rstrip(_CLOSING)
    if not text or text[-1] not in _SENTENCE_ENDS:
        return False
    bare = text[:-1].lstrip("\"'“([«")
    is_short_form = text[-1] == "." and (
        bare.lower() in _ABBREVIATIONS or (len(bare) == 1 and bare.isupper() and bare != "I")
    )
    first = next((character for character in following.text if character.isalnum()), "")
    return not is_short_form and not first.islower()


def _shortened(words: Sequence[Word]) -> list[Sequence[Word]]:
    """The words, cut at the best place as long as a part is too long."""
    if words[-1].end - words[0].start <= MAX_SEGMENT_S:
        return [words]
    places = [i for i in range(1, len(words)) if _may_cut(words, i)]
    if not places:
        return [words]
    best = max(places, key=lambda i: _worth(words, i))
    return [*_shortened(words[:best]), *_shortened(words[best:])]


def _worth(words: Sequence[Word], i: int) -> tuple[bool, float]:
    """How good a place before word i is to cut; among equals the one nearest to the middle."""
    before, behind = words[i - 1], words[i]
    shorter_s = min(before.end - words[0].start, words[-1].end - behind.start)
    worth_s = behind.start - before.end
    if before.text.rstrip(_CLOSING)[-1:] in _CLAUSE_ENDS:
        worth_s += CLAUSE_BONUS_S
    return shorter_s >= MIN_PART_S, worth_s + shorter_s / (words[-1].end - words[0].start)


def _segment(words: Sequence[Word]) -> Segment:
    return Segment(
        text=join_words(words),
        start=words[0].start,
        end=words[-1].end,
        score=mean_score(words),
        words=tuple(words),
    )


def mean_score(words: Sequence[Word]) -> float | None:
    """exp(mean token log-probability) over all the words, 0..1; None where one's is unknown."""
    n_tokens = sum(word.n_tokens for word in words)
    total = 0.0
    for word in words:
        if word.score is None:
            return None
        total += word.n_tokens * math.log(max(word.score, 1e-12))
    return math.exp(total / n_tokens) if n_tokens else None
