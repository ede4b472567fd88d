"""What the API process and an engine worker say to each other, as frame headers.

To the worker: `load` once, `join` (payload: float32 samples) and `cancel`. From it: `ready` once,
`fatal` when it cannot start, `event` for each decode event, `cancelled` when a live key was
dropped.

A worker believes its parent, and has nothing here that takes time to import; what a worker says is
checked (`scheduling.replies`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    EngineInfo,
    Failed,
    Final,
    Hypothesis,
    Stretch,
)
from auricle.engines.registry import EngineSpec


@dataclass(frozen=True)
class _Message:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(frozen=True)
class Load(_Message):
    """Build this engine."""

    spec: EngineSpec
    op: Literal["load"] = "load"


@dataclass(frozen=True)
class Join(_Message):
    """Decode this utterance; the payload holds its samples."""

    key: int
    options: DecodeOptions
    speech: tuple[Stretch, ...] = ()
    op: Literal["join"] = "join"


@dataclass(frozen=True)
class Cancel(_Message):
    """Nobody waits for this key any more."""

    key: int
    op: Literal["cancel"] = "cancel"


@dataclass(frozen=True)
class Ready(_Message):
    """The weights are loaded and a first inference went through.

    `copies`: this process takes no work, but makes copies of itself that do.
    """

    info: EngineInfo
    copies: bool = False
    op: Literal["ready"] = "ready"


@dataclass(frozen=True)
class Fatal(_Message):
    """The engine cannot be built; the process ends after this."""

    reason: str
    op: Literal["fatal"] = "fatal"


@dataclass(frozen=True)
class DeltaSent(_Message):
    """See `Delta`."""

    key: int
    text: str
    language: str
    op: Literal["delta"] = "delta"

    def event(self) -> DecodeEvent:
        """The decode event this carries."""
        return Delta(self.text, self.language)


@dataclass(frozen=True)
class FinalSent(_Message):
    """See `Final`."""

    key: int
    hypothesis: Hypothesis
    op: Literal["final"] = "final"

    def event(self) -> DecodeEvent:
        """The decode event this carries."""
        return Final(self.hypothesis)


@dataclass(frozen=True)
class FailedSent(_Message):
    """See `Failed`."""

    key: int
    reason: str
    op: Literal["failed"] = "failed"

    def event(self) -> DecodeEvent:
        """The decode event this carries."""
        return Failed(self.reason)


@dataclass(frozen=True)
class Cancelled(_Message):
    """A live key was dropped; its slot is free."""

    key: int
    op: Literal["cancelled"] = "cancelled"


ToWorker = Join | Cancel
FromWorker = Ready | Fatal | DeltaSent | FinalSent | FailedSent | Cancelled


def to_header(message: _Message) -> dict[str, Any]:
    """The message as a frame header."""
    return asdict(message)


def parse_load(header: Mapping[str, Any]) -> EngineSpec:
    """The spec in the first header that a process gets from its parent."""
    spec = header["spec"]
    return EngineSpec(**{**spec, "languages": tuple(spec["languages"])})


def parse_to_worker(header: Mapping[str, Any]) -> ToWorker:
    """A later header from the parent."""
    if header["op"] == "cancel":
        return Cancel(header["key"])
    options = header["options"]
    return Join(
        header["key"],
        DecodeOptions(**{**options, "context_bias": tuple(options["context_bias"])}),
        tuple((start_s, end_s) for start_s, end_s in header["speech"]),
    )


def carry(key: int, event: DecodeEvent) -> DeltaSent | FinalSent | FailedSent:
    """The message that carries a decode event."""
    match event:
        case Delta(text, language):
            return DeltaSent(key, text, language)
        case Final(hypothesis):
            return FinalSent(key, hypothesis)
        case Failed(reason):
            return FailedSent(key, reason)
