"""Concatenated minimum-permutation word error rate: who said what, without times.

Each speaker's words are joined, and the hypothesis's speakers are matched to the reference's so
that the errors are fewest (Watanabe et al., CHiME-6, 2020). A speaker without a partner counts
as all deletions or all insertions.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from auricle.scoring.assignment import assign
from auricle.scoring.wer import ErrorCounts, count_errors


@dataclass(frozen=True, slots=True)
class SpeakerErrors:
    """Errors under the best match, and the reference speaker of each matched hypothesis one."""

    counts: ErrorCounts
    speakers: Mapping[str, str]


def count_speaker_errors(
    reference: Mapping[str, Sequence[Hashable]], hypothesis: Mapping[str, Sequence[Hashable]]
) -> SpeakerErrors:
    """Fewest errors over all matches of speakers; cpWER is `counts.rate`.

    Args:
        reference: each speaker's tokens in order of time.
        hypothesis: the same; labels need not agree, and there may be more or fewer.
    """
    size = max(len(reference), len(hypothesis))
    rows = [*reference.values()] + [()] * (size - len(reference))
    columns = [*hypothesis.values()] + [()] * (size - len(hypothesis))
    counts = [[count_errors(row, column) for column in columns] for row in rows]
    matched = assign([[cell.errors for cell in row] for row in counts])
    labels = list(hypothesis)
    return SpeakerErrors(
        counts=sum((counts[i][j] for i, j in enumerate(matched)), ErrorCounts()),
        speakers={
            labels[j]: name for name, j in zip(reference, matched, strict=False) if j < len(labels)
        },
    )
