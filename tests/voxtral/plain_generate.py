"""Texts by plain `generate` of transformers alone: what others must equal.

python plain_generate.py CHECKPOINT A.wav … -> one JSON text a line
"""

import json
import sys
import wave
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoConfig,
    AutoProcessor,
    VoxtralForConditionalGeneration,
    VoxtralRealtimeForConditionalGeneration,
)

MAX_NEW_TOKENS = 400
CLASSES = {
    "voxtral": VoxtralForConditionalGeneration,
    "voxtral_realtime": VoxtralRealtimeForConditionalGeneration,
}


def request_of(processor: Any, kind: str, waveform: NDArray[np.float32]) -> Mapping[str, Any]:
    """What `generate` is given; the realtime class bounds itself by the audio."""
    if kind == "voxtral_realtime":
        return dict(processor(waveform, return_tensors="pt"))
    offline = processor.apply_transcription_request(
        audio=[waveform], model_id="tiny", sampling_rate=16_000, format=["WAV"]
    )
    return {**offline, "max_new_tokens": MAX_NEW_TOKENS, "do_sample": False}


def main(folder: str, *recordings: str) -> None:
    """Transcribe each recording alone, greedily."""
    torch.set_num_threads(1)
    kind = AutoConfig.from_pretrained(folder).model_type
    processor = AutoProcessor.from_pretrained(folder)
    model = CLASSES[kind].from_pretrained(folder, dtype=torch.float32).eval()
    for path in recordings:
        with wave.open(path) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        request = request_of(processor, kind, samples.astype(np.float32) / 32768.0)
        with torch.no_grad():
            tokens = model.generate(**request)
        new = tokens[0, request["input_ids"].shape[1] :]
        text = processor.tokenizer.decode(new, skip_special_tokens=True)
        sys.stdout.write(json.dumps(text) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
