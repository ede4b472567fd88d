"""What was reached beside what it is held against, as one table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from statistics import median
from typing import Any

from auricle.scoring.wer import ErrorCounts
from peers.cast import Missing
from table import format_table, percent


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure must be: at least `limit`, or at most."""

    limit: float
    unit: str = "x"
    at_least: bool = True

    def is_met(self, value: float) -> bool:
        """Whether a figure is good enough."""
        return value >= self.limit if self.at_least else value <= self.limit

    def show(self, value: float) -> str:
        """A figure in the aim's unit."""
        digits = 2 if value < 10 else 1
        return percent(value) if self.unit == "%" else f"{value:.{digits}f} {self.unit}"

    def __str__(self) -> str:
        limit = percent(self.limit) if self.unit == "%" else f"{self.limit:g} {self.unit}"
        return f"{'at least' if self.at_least else 'at most'} {limit}"


@dataclass(frozen=True, slots=True)
class Series:
    """One system's figures, one a round (nan: it failed), and its errors in all of them."""

    system: str
    values: Sequence[float]
    counts: ErrorCounts = field(default_factory=ErrorCounts)
    n_failed: int = 0

    @property
    def errors(self) -> str:
        """Errors of words, and how many answers never came."""
        shown = ""
        if self.counts.n_reference:
            rate = percent(self.counts.rate)
            shown = f"{self.counts.errors}/{self.counts.n_reference} ({rate})"
        return f"{shown}, {self.n_failed} FAILED" if self.n_failed else shown


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line. `against` is a peer's figures, or the words of what else it is held against.

    `reached` is what the aim is about: the figure itself, or the ratio to the peer's; None where
    there is nothing to compare.
    """

    row: str
    ours: Series
    against: Series | str
    aim: Aim
    reached: float | None

    @property
    def is_met(self) -> bool | None:
        """None where nothing could be compared."""
        return None if self.reached is None else self.aim.is_met(self.reached)

    def cells(self) -> list[str]:
        """As shown in the table."""
        peer = self.against if isinstance(self.against, Series) else None
        reached = "" if self.reached is None else self.aim.show(self.reached)
        return [
            self.row,
            self.ours.system,
            spread(self.ours.values),
            self.ours.errors,
            peer.system if peer else str(self.against),
            spread(peer.values) if peer else "",
            peer.errors if peer else "",
            reached,
            str(self.aim),
            {True: "yes", False: "NO", None: "not measured"}[self.is_met],
        ]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        peer = self.against if isinstance(self.against, Series) else None
        return {
            "row": self.row,
            "ours": _series_as_json(self.ours),
            "against": _series_as_json(peer) if peer else self.against,
            "reached": None if self.reached is None else round(self.reached, 4),
            "aim": str(self.aim),
            "met": self.is_met,
        }


def compare(row: str, ours: Series, peer: Series | Missing, aim: Aim) -> Verdict:
    """Held against a peer: the median over the rounds of our figure divided by its figure."""
    if isinstance(peer, Missing):
        return Verdict(row, ours, f"{peer.name}: {peer.reason}", aim, None)
    pairs = zip(ours.values, peer.values, strict=True)
    ratios = [mine / its for mine, its in pairs if isfinite(mine) and isfinite(its)]
    return Verdict(row, ours, peer, aim, median(ratios) if ratios else None)


def hold(row: str, ours: Series, aim: Aim, against: str = "") -> Verdict:
    """Held against a fixed limit: the median over the rounds."""
    values = [value for value in ours.values if isfinite(value)]
    return Verdict(row, ours, against, aim, median(values) if values else None)


def format_verdicts(verdicts: Sequence[Verdict]) -> str:
    """The whole table, as Markdown."""
    header = ["row", "Auricle", "figure", "errors", "against", "its figure", "its errors"]
    header += ["reached", "aim", "met"]
    return format_table(header, [verdict.cells() for verdict in verdicts])


def spread(values: Sequence[float]) -> str:
    """Median, and smallest to largest."""
    known = [value for value in values if isfinite(value)]
    if not known:
        return "unknown"
    low, middle, high = (
        f"{v:.{2 if median(known) < 10 else 1}f}" for v in (min(known), median(known), max(known))
    )
    return middle if len(known) == 1 else f"{middle} [{low}-{high}]"


def _series_as_json(series: Series) -> dict[str, Any]:
    return {
        "system": series.system,
        "values": [round(value, 4) if isfinite(value) else None for value in series.values],
        "words": series.counts.n_reference,
        "errors": series.counts.errors,
        "failed": series.n_failed,
    }
