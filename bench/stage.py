"""What the rows of the speed table are measured on, and the one way of taking turns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from auricle.scoring.text import Normalizer, scored_tokens
from auricle.scoring.wer import ErrorCounts, count_errors
from manifest import Recording
from peers.cast import Missing, Peers
from records import Recorder
from server_process import RunningServer
from speech import Speech
from systems import Answer, AuricleServer, System
from verdict import Series

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Auricle:
    """A server of ours that runs for the whole bench; `settings` are its `AURICLE_…` variables."""

    name: str
    settings: Mapping[str, str]
    server: RunningServer
    client: httpx.Client
    model: str

    @property
    def pid(self) -> int:
        """Of the server's process."""
        assert self.server.pid is not None
        return self.server.pid

    def system(self, *, stream: bool = False, cpu: bool = True) -> AuricleServer:
        """To be asked; reading its processor time takes milliseconds, outside of what is timed."""
        pid = self.pid if cpu else None
        return AuricleServer(self.client, self.model, stream=stream, pid=pid, name=self.name)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One answer of one system."""

    system: str
    recording: Recording
    round: int
    answer: Answer
    counts: ErrorCounts


@dataclass(frozen=True, slots=True)
class Stage:
    """Servers, peers, speech, and where figures go."""

    auricles: Sequence[Auricle]
    peers: Peers
    speech: Speech
    rounds: int
    recorder: Recorder
    normalizers: Mapping[str, Normalizer]

    def count(self, recording: Recording, text: str) -> ErrorCounts:
        """Errors of words against the reference."""
        reference, heard = (
            scored_tokens(side, recording.language, self.normalizers)
            for side in (recording.reference or "", text)
        )
        return count_errors(reference, heard)

    def record(
        self, row: str, system: str, recording: Recording, n: int, answer: Answer
    ) -> Measurement:
        """Score an answer and write it down."""
        measurement = Measurement(system, recording, n, answer, self.count(recording, answer.text))
        self.recorder.write("measurement", {"row": row, **as_json(measurement)})
        return measurement

    def take_turns(
        self, row: str, systems: Sequence[System], recordings: Sequence[Recording]
    ) -> list[Measurement]:
        """All systems on one recording before the next; each round begins with another system."""
        return [
            self.record(row, system.name, recording, n, system.transcribe(recording))
            for n in range(self.rounds)
            for recording in recordings
            for system in rotated(systems, n)
        ]


def rotated(items: Sequence[T], n: int) -> list[T]:
    """The items in order, beginning with another one for each `n`."""
    first = n % len(items)
    return [*items[first:], *items[:first]]


def installed(*peers: System | Missing) -> list[System]:
    """Those that can be measured."""
    return [peer for peer in peers if not isinstance(peer, Missing)]


def series(
    measured: Sequence[Measurement],
    system: str,
    figure: Callable[[Sequence[Measurement]], float],
) -> Series:
    """A system's figure of each round, from its answers that did not fail."""
    own = [m for m in measured if m.system == system]
    values = []
    for n in sorted({m.round for m in own}):
        answered = [m for m in own if m.round == n and not m.answer.error]
        values.append(figure(answered) if answered else float("nan"))
    counts = sum((m.counts for m in own), ErrorCounts())
    return Series(system, values, counts, sum(bool(m.answer.error) for m in own))


def as_json(measurement: Measurement) -> dict[str, Any]:
    """A line of the results, without the text."""
    answer = measurement.answer.as_json()
    del answer["text"]
    return {
        "system": measurement.system,
        "id": measurement.recording.id,
        "duration_s": round(measurement.recording.duration_s, 3),
        "round": measurement.round,
        **answer,
        "words": measurement.counts.n_reference,
        "errors": measurement.counts.errors,
    }
