"""Utterances given to several upstreams, over real connections."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest

from auricle.engines.protocol import DecodeEvent, DecodeOptions, Delta, Final, Ticket, Utterance
from auricle.engines.voxtral.model import VoxtralModel
from auricle.engines.voxtral.vllm_upstream import UpstreamOptions, VllmUpstream
from auricle.errors import Unavailable, UpstreamFailed
from auricle.scheduling import upstreams as module
from auricle.scheduling.upstreams import UpstreamScheduler
from harness.vllm_stub import MODEL, Answer, VllmStub, break_off, hang, say

UTTERANCE = Utterance(np.zeros(16000, np.float32))
DEADLINE_S = 30


@pytest.fixture
def stubs() -> Iterator[list[VllmStub]]:
    stubs = [VllmStub(), VllmStub()]
    yield stubs
    for stub in stubs:
        stub.close()


@pytest.fixture(autouse=True)
def asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.1)
    monkeypatch.setattr(module, "FIRST_BACKOFF_S", 0.05)


@asynccontextmanager
async def scheduler_of(
    stubs: list[VllmStub], slots: int = 4, timeout_s: float = 20.0
) -> AsyncIterator[UpstreamScheduler]:
    model, options = VoxtralModel(MODEL, ("en",)), UpstreamOptions(timeout_s, slots)
    scheduler = UpstreamScheduler("mini", [VllmUpstream(s.url, model, options) for s in stubs])
    await scheduler.start()
    try:
        yield scheduler
    finally:
        await scheduler.close()


async def hear(scheduler: UpstreamScheduler, request: str = "a") -> list[DecodeEvent]:
    options, ticket = DecodeOptions(language="en"), Ticket(request=request)
    async with (
        asyncio.timeout(DEADLINE_S),
        aclosing(scheduler.submit(UTTERANCE, options, ticket)) as events,
    ):
        return [event async for event in events]


def text_of(events: list[DecodeEvent]) -> str:
    """What was given out piece by piece, which must be the final text."""
    final = events[-1]
    assert isinstance(final, Final)
    deltas = "".join(event.text for event in events if isinstance(event, Delta))
    assert deltas == "".join(segment.text for segment in final.hypothesis.segments)
    return deltas


async def until(scheduler: UpstreamScheduler, n_up: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while scheduler.n_up != n_up:
            await asyncio.sleep(0.02)


async def test_pieces_are_deltas_and_the_whole_is_final(stubs: list[VllmStub]) -> None:
    async with scheduler_of(stubs) as scheduler:
        events = await hear(scheduler)
    assert text_of(events) == "Hello, world."
    assert [type(event) for event in events] == [Delta, Delta, Final]


async def test_no_text_is_an_answer(stubs: list[VllmStub]) -> None:
    stubs[0].usual = say()
    async with scheduler_of(stubs[:1]) as scheduler:
        (final,) = await hear(scheduler)
    assert isinstance(final, Final)
    assert final.hypothesis.segments == ()


@pytest.mark.parametrize("given", [(), (" Hello",)], ids=["before", "after"])
async def test_another_upstream_goes_on(stubs: list[VllmStub], given: tuple[str, ...]) -> None:
    for stub in stubs:
        stub.scripts = [break_off(*given)]
    async with scheduler_of(stubs) as scheduler:
        assert text_of(await hear(scheduler)) == "Hello, world."
    assert len(stubs[0].forms) == 2 or len(stubs[1].forms) == 2
    assert all(stub.forms for stub in stubs)


async def test_text_that_was_given_out_is_never_contradicted(stubs: list[VllmStub]) -> None:
    for stub in stubs:
        stub.scripts = [break_off(" Goodbye")]
    async with scheduler_of(stubs) as scheduler:
        with pytest.raises(UpstreamFailed, match="said something else than the first"):
            await hear(scheduler)


async def test_tries_are_bounded_and_the_reason_is_told(stubs: list[VllmStub]) -> None:
    for stub in stubs:
        stub.usual = lambda answer: answer.status(500, "secret")
    async with scheduler_of(stubs) as scheduler:
        with pytest.raises(UpstreamFailed) as caught:
            await hear(scheduler)
    assert caught.value.message == (
        "model mini: the server that runs it gave no usable answer in 3 tries: "
        "it answered with status 500"
    )
    assert sum(len(stub.forms) for stub in stubs) == 3


async def test_an_overlong_text_is_not_asked_for_again(stubs: list[VllmStub]) -> None:
    def endless(answer: Answer) -> None:
        answer.begin()
        for n in range(68):
            answer.chunk(f" word{n}")
        answer.end("length")

    stubs[0].usual = endless
    async with scheduler_of(stubs[:1]) as scheduler:
        with pytest.raises(UpstreamFailed, match="in 1 try: its text did not end within 68"):
            await hear(scheduler)
    assert len(stubs[0].forms) == 1


async def test_a_silent_upstream_is_left_for_another(stubs: list[VllmStub]) -> None:
    for stub in stubs:
        stub.scripts = [hang(" Hel")]
    stubs[0].usual = stubs[1].usual = say(" Hel", "lo")
    async with scheduler_of(stubs, timeout_s=0.4) as scheduler:
        assert text_of(await hear(scheduler)) == "Hello"


async def test_the_least_loaded_is_next_and_slots_are_kept_to(stubs: list[VllmStub]) -> None:
    for stub in stubs:
        stub.usual = hang(" Hello")
    async with scheduler_of(stubs, slots=2) as scheduler:
        work = [asyncio.create_task(hear(scheduler, str(n))) for n in range(6)]
        async with asyncio.timeout(DEADLINE_S):
            while sum(len(stub.forms) for stub in stubs) < 4:
                await asyncio.sleep(0.02)
        assert [len(stub.forms) for stub in stubs] == [2, 2]
        assert scheduler.queue_length == 2
        for stub in stubs:
            stub.released.set()
        assert {text_of(events) for events in await asyncio.gather(*work)} == {"Hello"}


async def test_one_request_leaves_a_slot_to_others(stubs: list[VllmStub]) -> None:
    stubs[0].usual = hang(" Hello")
    async with scheduler_of(stubs[:1], slots=3) as scheduler:
        long = [asyncio.create_task(hear(scheduler, "long")) for _ in range(4)]
        await asyncio.sleep(0)
        clip = asyncio.create_task(hear(scheduler, "clip"))
        async with asyncio.timeout(DEADLINE_S):
            while len(stubs[0].forms) < 3:
                await asyncio.sleep(0.02)
        assert scheduler.queue_length == 2
        stubs[0].released.set()
        await asyncio.gather(*long, clip)


async def test_a_draining_upstream_ends_what_it_has(stubs: list[VllmStub]) -> None:
    stubs[0].usual = hang(" Hello")
    async with scheduler_of(stubs) as scheduler:
        stubs[1].health = 503
        await until(scheduler, 1)
        last = asyncio.create_task(hear(scheduler))
        async with asyncio.timeout(DEADLINE_S):
            while not stubs[0].forms:
                await asyncio.sleep(0.02)
        stubs[0].health = 503
        await until(scheduler, 0)
        stubs[1].health = 200
        await until(scheduler, 1)
        assert text_of(await hear(scheduler)) == "Hello, world."
        assert len(stubs[0].forms) == 1
        stubs[0].released.set()
        assert text_of(await last) == "Hello"


async def test_without_upstreams_callers_are_told_and_later_served(
    stubs: list[VllmStub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.3)
    for stub in stubs:
        stub.health = 500
    async with scheduler_of(stubs) as scheduler:
        assert not scheduler.is_ready
        with pytest.raises(Unavailable, match="model mini: no server that runs it is reachable"):
            await hear(scheduler)
        stubs[1].health = 200
        await until(scheduler, 1)
        assert text_of(await hear(scheduler)) == "Hello, world."


async def test_whoever_leaves_frees_the_slot(stubs: list[VllmStub]) -> None:
    stubs[0].usual = hang(" Hello")
    async with scheduler_of(stubs[:1], slots=1) as scheduler:
        events = scheduler.submit(UTTERANCE, DecodeOptions(), Ticket(request="a"))
        await anext(events)
        waiting = asyncio.create_task(hear(scheduler, "b"))
        await asyncio.sleep(0)
        assert scheduler.queue_length == 1
        stubs[0].usual = say(" Next")
        await events.aclose()
        assert text_of(await waiting) == "Next"


async def test_a_second_try_on_the_same_upstream_counts_and_ends_like_a_first(
    stubs: list[VllmStub],
) -> None:
    stubs[0].usual = hang(" Hello")
    stubs[0].scripts = [lambda answer: answer.status(400)]
    async with scheduler_of(stubs[:1], slots=3) as scheduler:
        events = scheduler.submit(UTTERANCE, DecodeOptions(), Ticket(request="a"))
        assert isinstance(await anext(events), Delta)
        others = [asyncio.create_task(hear(scheduler, name)) for name in "bcd"]
        await asyncio.sleep(0.1)
        assert scheduler.queue_length == 1
        await events.aclose()
        await asyncio.sleep(0.1)
        assert scheduler.queue_length == 0
        stubs[0].released.set()
        assert {text_of(await other) for other in others} == {"Hello"}


async def test_leaving_before_anything_began_frees_the_slot_too(stubs: list[VllmStub]) -> None:
    async with scheduler_of(stubs[:1], slots=1) as scheduler:
        for _ in range(3):
            impatient = asyncio.create_task(hear(scheduler, "a"))
            await asyncio.sleep(0)
            impatient.cancel()
            await asyncio.gather(impatient, return_exceptions=True)
        assert text_of(await hear(scheduler, "b")) == "Hello, world."


async def test_closing_tells_those_who_wait(stubs: list[VllmStub]) -> None:
    stubs[0].usual = hang()
    async with scheduler_of(stubs[:1], slots=1) as scheduler:
        waiting = [asyncio.create_task(hear(scheduler, name)) for name in "ab"]
        await asyncio.sleep(0.05)
    with pytest.raises(Unavailable, match="shutting down"):
        await waiting[1]
    with pytest.raises(Unavailable, match="shutting down"):
        await waiting[0]
