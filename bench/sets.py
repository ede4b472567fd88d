"""From answers to a table: scored recordings, grouped into sets that are large enough."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import language_joins
import noisy_speech
from auricle.scoring.bootstrap import Interval, paired_bootstrap
from auricle.scoring.text import Normalizer, scored_tokens
from auricle.scoring.wer import ErrorCounts, count_errors_by_block
from manifest import Recording
from systems import Answer

_CLEAN_KINDS = ("read", "command", "spontaneous", "longform", "sparse", "conversation")
TRANSCRIBED_KINDS = (*_CLEAN_KINDS, *noisy_speech.KINDS)
"""Kinds with a reference transcript; a conversation's is its turns in order of start."""
IDENTIFIED_KINDS = (*_CLEAN_KINDS, "lid", "conversation-stereo")
"""Kinds whose language counts."""
SILENT_KIND = "nospeech"
MADE_KINDS = (*noisy_speech.KINDS, language_joins.KIND)
"""Kinds that are made of the manifest's recordings."""
KINDS = (*IDENTIFIED_KINDS, SILENT_KIND, *MADE_KINDS)

SMALLEST_SET = 500
"""Reference words below which a set's rate says little; such sets are pooled by kind."""
BLOCK_LENGTH = 50
"""Words that are drawn as one by the bootstrap: longer recordings are cut into such blocks."""
FEWEST_BLOCKS = 10
"""Below this many there is nothing to draw from, and no interval is given."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A recording with the errors of each system, by block of the reference."""

    recording: Recording
    blocks: Mapping[str, Sequence[ErrorCounts]]

    def counts(self, system: str) -> ErrorCounts:
        """One system's errors in the whole recording."""
        return sum(self.blocks[system], ErrorCounts())


@dataclass(frozen=True, slots=True)
class SetScore:
    """A row of the table.

    `interval` is of the first system against the second; None if there is no second, or too
    little to draw from.
    """

    name: str
    languages: tuple[str, ...]
    n_items: int
    counts: Mapping[str, ErrorCounts]
    interval: Interval | None


def score(
    recording: Recording, answers: Mapping[str, Answer], normalizers: Mapping[str, Normalizer]
) -> Scored:
    """Count each system's errors; a recording without an answer counts as all deletions."""
    assert recording.reference is not None
    reference = scored_tokens(recording.reference, recording.language, normalizers)
    blocks = {}
    for system, answer in answers.items():
        heard = scored_tokens(answer.text, recording.language, normalizers)
        blocks[system] = count_errors_by_block(reference, heard, block_length=BLOCK_LENGTH)
    return Scored(recording, blocks)


def score_sets(scored: Sequence[Scored]) -> list[SetScore]:
    """Every set of kind and language with enough words, and the rest pooled by kind."""
    large, pools = _split(scored)
    rows = [score_set(f"{kind} {language}", items) for (kind, language), items in large.items()]
    rows += [score_set(f"{kind}, pooled", items) for kind, items in pools.items()]
    order = {kind: n for n, kind in enumerate(TRANSCRIBED_KINDS)}
    return sorted(rows, key=lambda row: order[row.name.replace(",", "").split()[0]])


def score_pooled_languages(scored: Sequence[Scored]) -> list[SetScore]:
    """The sets inside the pools, each by itself, where a pool has more than one."""
    rows = []
    for kind, items in _split(scored)[1].items():
        languages = sorted({item.recording.language for item in items})
        if len(languages) > 1:
            for language in languages:
                members = [item for item in items if item.recording.language == language]
                rows.append(score_set(f"{kind} {language}", members))
    return rows


def score_set(name: str, scored: Sequence[Scored]) -> SetScore:
    """Sum of the errors, and the interval of the difference when there are two systems."""
    systems = list(scored[0].blocks)
    interval = None
    blocks = [[block for item in scored for block in item.blocks[s]] for s in systems]
    if len(blocks) == 2 and len(blocks[0]) >= FEWEST_BLOCKS:
        interval = paired_bootstrap(*blocks)
    return SetScore(
        name=name,
        languages=tuple(sorted({item.recording.language for item in scored})),
        n_items=len(scored),
        counts={s: sum((item.counts(s) for item in scored), ErrorCounts()) for s in systems},
        interval=interval,
    )


def _split(
    scored: Sequence[Scored],
) -> tuple[dict[tuple[str, str], list[Scored]], dict[str, list[Scored]]]:
    """Sets that stand alone by kind and language, and what is pooled by kind."""
    by_set: defaultdict[tuple[str, str], list[Scored]] = defaultdict(list)
    for item in scored:
        by_set[item.recording.kind, item.recording.language].append(item)
    large: dict[tuple[str, str], list[Scored]] = {}
    pools: defaultdict[str, list[Scored]] = defaultdict(list)
    for (kind, language), items in by_set.items():
        if _n_words(items) >= SMALLEST_SET:
            large[kind, language] = items
        else:
            pools[kind] += items
    return large, dict(pools)


def _n_words(items: Sequence[Scored]) -> int:
    return sum(b.n_reference for item in items for b in next(iter(item.blocks.values())))
