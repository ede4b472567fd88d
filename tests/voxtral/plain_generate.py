"""Texts by plain `generate` of transformers, in the environment of vLLM: what others must equal.

python plain_generate.py CHECKPOINT A.wav … -> one JSON text a line
"""

import json
import sys
import wave

import numpy as np
import torch
from transformers import VoxtralForConditionalGeneration, VoxtralProcessor


def main(folder: str, *recordings: str) -> None:
    """Transcribe each recording alone, greedily."""
    torch.set_num_threads(1)
    processor = VoxtralProcessor.from_pretrained(folder)
    model = VoxtralForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    for path in recordings:
        with wave.open(path) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        request = processor.apply_transcription_request(
            audio=[samples.astype(np.float32) / 32768.0],
            model_id="tiny",
            sampling_rate=16_000,
            format=["WAV"],
        )
        with torch.no_grad():
            tokens = model.generate(**request, max_new_tokens=400, do_sample=False)
        new = tokens[:, request["input_ids"].shape[1] :]
        (text,) = processor.batch_decode(new, skip_special_tokens=True)
        sys.stdout.write(json.dumps(text) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
