"""vLLM and transformers say the same of one checkpoint."""

from pathlib import Path

from auricle.audio.waveform import Waveform
from auricle.engines.protocol import DecodeOptions, Utterance
from auricle.engines.voxtral.model import VoxtralModel
from auricle.engines.voxtral.vllm_upstream import UpstreamOptions, VllmUpstream
from harness.vllm import KEY, Vllm
from voxtral.conftest import IN_FRONT_OF_VLLM, NAME
from voxtral.in_worker import hear, python_with_torch, running, text_of

pytestmark = IN_FRONT_OF_VLLM


async def test_texts_are_the_same(
    checkpoints: Path, waveforms: dict[str, Waveform], vllms: list[Vllm]
) -> None:
    model = VoxtralModel(NAME, ("en",))
    upstream = VllmUpstream(vllms[-1].url, model, UpstreamOptions(api_key=KEY))
    with python_with_torch():
        async with running(checkpoints / "mini") as scheduler:
            for language in (None, "de"):
                options = DecodeOptions(language=language)
                for waveform in waveforms.values():
                    answer = upstream.transcribe(Utterance(waveform), options)
                    pieces = [text async for text in answer]
                    events = await hear(scheduler, waveform, options)
                    assert text_of(events) == "".join(pieces)
    await upstream.close()
