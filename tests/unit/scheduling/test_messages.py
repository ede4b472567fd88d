"""What goes over a worker's channel arrives as it was, and nonsense from a worker is refused."""

import json
from typing import Any

import pytest

from auricle.engines.protocol import DecodeOptions, Delta, EngineInfo, Failed, Final, Hypothesis
from auricle.engines.registry import EngineSpec
from auricle.scheduling.messages import (
    Cancel,
    Cancelled,
    Fatal,
    FromWorker,
    Join,
    Load,
    Ready,
    ToWorker,
    carry,
    parse_load,
    parse_to_worker,
    to_header,
)
from auricle.scheduling.replies import parse_from_worker
from auricle.transcript.model import Segment, Word

WORD = Word("naïve", 0.25, 0.5, score=0.5, n_tokens=2)
SEGMENT = Segment("naïve", 0.25, 0.5, score=0.5, words=(WORD,))
HEARD = Final(Hypothesis((SEGMENT,), "en", 0.75, 0.125, 1.0, 2, is_doubted=True))


def over_the_channel(header: dict[str, Any]) -> dict[str, Any]:
    arrived: dict[str, Any] = json.loads(json.dumps(header))
    return arrived


@pytest.mark.parametrize(
    "message",
    [
        Ready(EngineInfo("openvino", 30.0, ("en", "de"), slots=8), copies=True),
        Fatal("no such instruction"),
        carry(3, Delta(" naïve", "en")),
        carry(3, HEARD),
        carry(3, Failed("no memory")),
        Cancelled(3),
    ],
    ids=lambda message: message.op,
)
def test_what_a_worker_says_arrives(message: FromWorker) -> None:
    assert parse_from_worker(over_the_channel(to_header(message))) == message


def test_an_event_is_the_same_after_the_way() -> None:
    message = parse_from_worker(over_the_channel(to_header(carry(3, HEARD))))
    assert not isinstance(message, Ready | Fatal | Cancelled)
    assert message.event() == HEARD


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"op": "join"},
        {"op": "cancelled"},
        {"op": "cancelled", "key": "three"},
        {"op": "cancelled", "key": 3, "path": "/etc/passwd"},
        {"op": "final", "key": 3, "hypothesis": {"segments": [{"text": 1}]}},
    ],
)
def test_nonsense_from_a_worker_is_refused(header: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        parse_from_worker(header)


@pytest.mark.parametrize(
    "message",
    [
        Join(3, DecodeOptions("de", words=True, context_bias=("Auricle",)), ((0.5, 1.25),)),
        Join(4, DecodeOptions(given_text="")),
        Cancel(3),
    ],
)
def test_what_a_worker_is_told_arrives(message: ToWorker) -> None:
    assert parse_to_worker(over_the_channel(to_header(message))) == message


def test_what_to_load_arrives() -> None:
    spec = EngineSpec("openvino", "/models/base", beam_size=2, languages=("en",))
    assert parse_load(over_the_channel(to_header(Load(spec)))) == spec
