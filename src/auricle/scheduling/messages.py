"""What the API process and an engine worker say to each other, as frame headers.

To the worker: `load` once, `join` (payload: float32 samples) and `cancel`. From it: `ready` once,
`fatal` when it cannot start, `event` for each decode event, `cancelled` when a live key was
dropped.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

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


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Load(_Message):
    """Build this engine."""

    op: Literal["load"] = "load"
    spec: EngineSpec


class Join(_Message):
    """Decode this utterance; the payload holds its samples."""

    op: Literal["join"] = "join"
    key: int
    speech: tuple[Stretch, ...] = ()
    options: DecodeOptions


class Cancel(_Message):
    """Nobody waits for this key any more."""

    op: Literal["cancel"] = "cancel"
    key: int


class Ready(_Message):
    """The weights are loaded and a first inference went through.

    `copies`: this process takes no work, but makes copies of itself that do.
    """

    op: Literal["ready"] = "ready"
    info: EngineInfo
    copies: bool = False


class Fatal(_Message):
    """The engine cannot be built; the process ends after this."""

    op: Literal["fatal"] = "fatal"
    reason: str


class DeltaSent(_Message):
    """See `Delta`."""

    op: Literal["delta"] = "delta"
    key: int
    text: str
    language: str

    def event(self) -> DecodeEvent:
        """The decode event this carries."""
        return Delta(self.text, self.language)


class FinalSent(_Message):
    """See `Final`."""

    op: Literal["final"] = "final"
    key: int
    hypothesis: Hypothesis

    def event(self) -> DecodeEvent:
        """The decode event this carries."""
        return Final(self.hypothesis)


class FailedSent(_Message):
    """See `Failed`."""

    op: Literal["failed"] = "failed"
    key: int
    reason: str

    def event(self) -> DecodeEvent:
        """The decode event this carries."""
        return Failed(self.reason)


class Cancelled(_Message):
    """A live key was dropped; its slot is free."""

    op: Literal["cancelled"] = "cancelled"
    key: int


ToWorker = Join | Cancel
FromWorker = Ready | Fatal | DeltaSent | FinalSent | FailedSent | Cancelled

_TO_WORKER: TypeAdapter[ToWorker] = TypeAdapter(Annotated[ToWorker, Field(discriminator="op")])
_FROM_WORKER: TypeAdapter[FromWorker] = TypeAdapter(
    Annotated[FromWorker, Field(discriminator="op")]
)


def to_header(message: _Message) -> dict[str, Any]:
    """The message as a frame header."""
    return message.model_dump(mode="json")


def parse_load(header: Mapping[str, Any]) -> EngineSpec:
    """The spec in a process's first header; ValidationError (a ValueError) if it is none."""
    return Load.model_validate(header).spec


def parse_to_worker(header: Mapping[str, Any]) -> ToWorker:
    """A header that the worker received; ValidationError (a ValueError) if it is none."""
    return _TO_WORKER.validate_python(header)


def parse_from_worker(header: Mapping[str, Any]) -> FromWorker:
    """A header that the API process received; ValidationError (a ValueError) if it is none."""
    return _FROM_WORKER.validate_python(header)


def carry(key: int, event: DecodeEvent) -> DeltaSent | FinalSent | FailedSent:
    """The message that carries a decode event."""
    match event:
        case Delta(text, language):
            return DeltaSent(key=key, text=text, language=language)
        case Final(hypothesis):
            return FinalSent(key=key, hypothesis=hypothesis)
        case Failed(reason):
            return FailedSent(key=key, reason=reason)
