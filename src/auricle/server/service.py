"""What the server needs from the rest of Auricle, and nothing more."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from auricle.engines.protocol import Ticket
from auricle.pipeline.options import TranscribeOptions
from auricle.transcript.events import TranscriptEvent
from auricle.weights.card import ModelCard


class TranscriptionService(Protocol):
    """The runtime, seen from the server."""

    def models(self) -> Sequence[ModelCard]:
        """The models served here."""
        ...

    def resolve_model(self, model_id: str) -> ModelCard | None:
        """The card of an id or alias; None when it is unknown."""
        ...

    def refuse_when_full(self, n_bytes: int) -> None:
        """Turn away an upload of `n_bytes` (0: not announced) that there is no room for.

        Raises:
            Overloaded: too much audio waits already.
        """
        ...

    def transcribe(
        self, recording: Path, options: TranscribeOptions, ticket: Ticket
    ) -> AsyncGenerator[TranscriptEvent, None]:
        """The events of one recording, in the order of `transcript.events`.

        Closing or cancelling the generator gives all its work back. It may raise any
        `AuricleError`, before the first event or after.
        """
        ...

    def is_ready(self) -> bool:
        """Whether a real inference has succeeded and engines are up."""
        ...

    def gauges(self) -> Mapping[str, float]:
        """Current figures for `/metrics`: a snake_case name with its unit, and the value."""
        ...
