"""The realtime class on vLLM, given whole windows: it never ends by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auricle.engines.protocol import DecodeOptions, Utterance
from auricle.engines.voxtral.model import VoxtralModel
from auricle.engines.voxtral.vllm_upstream import UpstreamOptions, VllmUpstream
from harness.media import decode
from harness.speech import ASK_NOT, JFK
from harness.vllm import KEY, Vllm
from voxtral.conftest import IN_FRONT_OF_VLLM, TextsOf, joined

pytestmark = IN_FRONT_OF_VLLM

NAME = "mistralai/Voxtral-Mini-4B-Realtime-2602"


@pytest.fixture(scope="module")
def vllm(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vllm]:
    log = tmp_path_factory.mktemp("realtime") / "log"
    running = Vllm(log, checkpoints / "realtime", NAME)
    try:
        running.await_ready()
        yield running
    finally:
        running.kill()


async def test_its_texts_are_those_of_plain_generate(vllm: Vllm, plain_texts: TextsOf) -> None:
    waveforms = [decode(clip.path)[0] for clip in (JFK, ASK_NOT)]
    expected = [joined([text]) for text in plain_texts(waveforms, "realtime")]
    assert all(expected)
    model = VoxtralModel(NAME, ("en",), is_realtime=True)
    upstream = VllmUpstream(vllm.url, model, UpstreamOptions(api_key=KEY))
    await upstream.probe()
    for waveform, text in zip(waveforms, expected, strict=True):
        pieces = [
            piece async for piece in upstream.transcribe(Utterance(waveform), DecodeOptions())
        ]
        assert "".join(pieces) == text
        assert len(pieces) > 2
    await upstream.close()
