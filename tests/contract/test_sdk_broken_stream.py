"""A stream that is broken off raises in every SDK: none takes it for a success."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest

from contract.sdk import KINDS, Driver, Sdk, SdkError, SdkKind, upload
from harness.long_recording import say_repeatedly
from harness.server import Server
from harness.speech import JFK
from harness.tools import what_is_missing

MODEL = "voxtral-mini-latest"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a caller got: events, and in the end what was raised, if anything was."""

    events: list[dict[str, Any]]
    error: SdkError | None


Events = Iterator[dict[str, Any]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[SdkKind, Outcome]:
    """Of streams that had begun when a server was told to end, and gave them no time."""
    folder = tmp_path_factory.mktemp("broken")
    # So long that the first stream is not done before the last one has begun.
    recording = say_repeatedly(JFK, 30, folder / "six-minutes.wav")
    kinds = [kind for kind in KINDS if not what_is_missing(kind.tools)]
    with ExitStack() as stack:
        drivers = [stack.enter_context(closing(Driver(kind.command))) for kind in kinds]
        pool = stack.enter_context(ThreadPoolExecutor(len(kinds)))
        server = Server(folder / "log", grace_s="0.1", decoders=str(len(kinds)))
        stack.callback(server.kill)
        sdks = [
            Sdk(driver, kind.style, server.url) for driver, kind in zip(drivers, kinds, strict=True)
        ]
        list(pool.map(Sdk.models, sdks))  # they have all started
        streams = [sdk.stream(model=MODEL, file=upload(recording)) for sdk in sdks]
        firsts = list(pool.map(next, streams))
        server.send_signal(signal.SIGTERM)
        rest = list(pool.map(_read, streams, firsts))
        assert server.wait() == 0, server.log[-5000:]
    return dict(zip(kinds, rest, strict=True))


def _read(stream: Events, first: dict[str, Any]) -> Outcome:
    events = [first]
    try:
        events.extend(stream)
    except SdkError as error:
        return Outcome(events, error)
    return Outcome(events, None)


def test_the_caller_gets_what_was_final_and_then_an_exception(
    kind: SdkKind, outcomes: dict[SdkKind, Outcome]
) -> None:
    outcome = outcomes[kind]
    types = [event["event"] for event in outcome.events]
    assert types[0] == "transcription.language"
    assert "transcription.done" not in types
    assert outcome.error is not None
    assert outcome.error.status is None
