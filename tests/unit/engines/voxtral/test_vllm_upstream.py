"""One upstream, as it behaves over a real connection."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager

import numpy as np
import pytest

from auricle.engines.protocol import DecodeOptions, Utterance
from auricle.engines.voxtral import vllm_upstream
from auricle.engines.voxtral.model import VoxtralModel
from auricle.engines.voxtral.vllm_dialect import UpstreamTrouble
from auricle.engines.voxtral.vllm_upstream import UpstreamOptions, VllmUpstream
from harness.vllm_stub import MODEL, Answer, VllmStub, break_off, hang, say

UTTERANCE = Utterance(np.zeros(16000, np.float32))
ANY = DecodeOptions()
OFFLINE = VoxtralModel(MODEL, ("en", "de"))
REALTIME = VoxtralModel(MODEL, ("en",), is_realtime=True)


@pytest.fixture
def stub() -> Iterator[VllmStub]:
    stub = VllmStub()
    yield stub
    stub.close()


@asynccontextmanager
async def upstream_of(
    stub: VllmStub, model: VoxtralModel = OFFLINE, timeout_s: float = 20.0, api_key: str = ""
) -> AsyncIterator[VllmUpstream]:
    upstream = VllmUpstream(stub.url, model, UpstreamOptions(timeout_s, 4, api_key))
    try:
        yield upstream
    finally:
        await upstream.close()


async def transcribe(upstream: VllmUpstream, options: DecodeOptions = ANY) -> list[str]:
    async with aclosing(upstream.transcribe(UTTERANCE, options)) as texts:
        return [text async for text in texts]


async def test_text_comes_tidied_and_without_empty_pieces(stub: VllmStub) -> None:
    stub.usual = say(" Hello", "", ",", "\n world", " ", "")
    async with upstream_of(stub) as upstream:
        await upstream.probe()
        assert "".join(await transcribe(upstream, DecodeOptions(language="de"))) == "Hello, world"
    (form,) = stub.forms
    assert form.pop("file").startswith(b"RIFF")
    assert form == {
        "model": MODEL.encode(),
        "response_format": b"json",
        "stream": b"true",
        "temperature": b"0",
        "max_completion_tokens": b"68",
        "language": b"de",
    }


async def test_the_key_and_the_served_name_are_used(stub: VllmStub) -> None:
    stub.cards = {"data": [{"id": "nickname", "root": MODEL, "max_model_len": 4096}]}
    async with upstream_of(stub, api_key="sesame") as upstream:
        await upstream.probe()
        await transcribe(upstream)
    assert stub.forms[0]["model"] == b"nickname"
    assert set(stub.keys) == {"Bearer sesame"}


def status(code: int) -> Callable[[Answer], None]:
    return lambda answer: answer.status(code, '{"error": {"message": "secret"}}')


def other_type(answer: Answer) -> None:
    answer.begin("text/html")
    answer.raw(b"<html>")


@pytest.mark.parametrize(
    ("script", "reason", "is_down"),
    [
        (break_off(" Hel"), "its answer broke off", True),
        (status(400), "it answered with status 400", False),
        (status(401), "it answered with status 401", True),
        (status(500), "it answered with status 500", True),
        (other_type, "its answer is no event stream", False),
    ],
)
async def test_what_is_no_answer(
    stub: VllmStub, script: Callable[[Answer], None], reason: str, is_down: bool
) -> None:
    stub.usual = script
    async with upstream_of(stub) as upstream:
        with pytest.raises(UpstreamTrouble) as caught:
            await transcribe(upstream)
    assert (caught.value.reason, caught.value.is_down) == (reason, is_down)


async def test_silence_of_the_upstream_ends(stub: VllmStub) -> None:
    stub.usual = hang(" Hel")
    async with upstream_of(stub, timeout_s=0.5) as upstream:
        with pytest.raises(UpstreamTrouble, match="its answer did not come in time") as caught:
            await transcribe(upstream)
    assert caught.value.is_down


async def test_pieces_without_text_are_silence_too(stub: VllmStub) -> None:
    def babble(answer: Answer) -> None:
        answer.begin()
        while not answer._released.wait(0.1):
            answer.chunk("")

    stub.usual = babble
    async with upstream_of(stub, timeout_s=0.5) as upstream:
        with pytest.raises(UpstreamTrouble, match=r"it gave no text for 0\.5 s"):
            await transcribe(upstream)


async def test_a_trickle_ends_too(stub: VllmStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_upstream, "MAX_TIMEOUTS", 2)

    def trickle(answer: Answer) -> None:
        answer.begin()
        for n in range(1000):
            answer.chunk(f" {n}")
            answer._released.wait(0.1)

    stub.usual = trickle
    async with upstream_of(stub, REALTIME, timeout_s=0.5) as upstream:
        with pytest.raises(UpstreamTrouble, match="its answer did not come in time"):
            await transcribe(upstream)


async def test_a_closed_generator_closes_the_connection(stub: VllmStub) -> None:
    left = asyncio.Event()
    loop = asyncio.get_running_loop()

    def babble(answer: Answer) -> None:
        answer.begin()
        try:
            for n in range(1000):
                answer.chunk(f" word{n}")
                answer._released.wait(0.02)
        except OSError:
            loop.call_soon_threadsafe(left.set)

    stub.usual = babble
    async with upstream_of(stub) as upstream:
        texts = upstream.transcribe(UTTERANCE, DecodeOptions())
        await anext(texts)
        await texts.aclose()
        await asyncio.wait_for(left.wait(), 20)


async def test_the_realtime_class_ends_at_its_limit(stub: VllmStub) -> None:
    def cut(answer: Answer) -> None:
        answer.begin()
        answer.chunk(" Hello")
        answer.end("length")

    stub.usual = cut
    async with upstream_of(stub, REALTIME) as upstream:
        assert await transcribe(upstream) == ["Hello"]
    async with upstream_of(stub) as upstream:
        with pytest.raises(UpstreamTrouble, match="did not end within 68 tokens") as caught:
            await transcribe(upstream)
    assert caught.value.is_certain


async def test_a_loop_ends_the_text(stub: VllmStub) -> None:
    stub.usual = say(" So", *[" it goes"] * 100)
    async with upstream_of(stub) as upstream:
        text = "".join(await transcribe(upstream))
    assert text.startswith("So it goes it goes")
    assert text.count("it goes") <= 8


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"data": [{"id": "other"}]}, f"it does not serve {MODEL}"),
        ({"data": []}, f"it does not serve {MODEL}"),
        ({"data": [{"id": [], "root": {}}, 7]}, f"it does not serve {MODEL}"),
        ({"data": 1}, "its list of models has another form than vLLM's"),
        ([], "its list of models has another form than vLLM's"),
    ],
)
async def test_an_upstream_without_the_model_is_not_well(
    stub: VllmStub, cards: object, reason: str
) -> None:
    stub.cards = cards
    async with upstream_of(stub) as upstream:
        with pytest.raises(UpstreamTrouble) as caught:
            await upstream.probe()
    assert caught.value.reason == reason


async def test_a_sick_upstream_is_not_well(stub: VllmStub) -> None:
    stub.health = 503
    async with upstream_of(stub) as upstream:
        with pytest.raises(UpstreamTrouble, match="it answered with status 503"):
            await upstream.probe()
        stub.close()
        with pytest.raises(UpstreamTrouble, match="its health was lost"):
            await upstream.probe()


async def test_a_context_that_is_too_small_is_said_and_nothing_is_sent(stub: VllmStub) -> None:
    stub.cards = {"data": [{"id": MODEL, "max_model_len": 256}]}
    async with upstream_of(stub) as upstream:
        await upstream.probe()
        with pytest.raises(UpstreamTrouble, match=r"context of 256 tokens .*need 459"):
            await transcribe(upstream)
    assert stub.forms == []
