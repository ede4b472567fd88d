"""The two models: their shapes, and weights with which a transcript is something to test."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from tools.tiny_voxtral.layout import Tensors, audio_to_mistral, params_json, text_to_mistral
from tools.tiny_voxtral.sizes import (
    AUDIO,
    BOS,
    EOS,
    HEAD_DIM,
    HEADS,
    HIDDEN,
    KV_HEADS,
    LAYERS,
    NUM_SPECIAL,
    PAD,
    STREAMING_PAD,
)
from tools.tiny_voxtral.tekken import write_tekken
from transformers import (
    MistralCommonBackend,
    VoxtralConfig,
    VoxtralForConditionalGeneration,
    VoxtralProcessor,
    VoxtralRealtimeConfig,
    VoxtralRealtimeFeatureExtractor,
    VoxtralRealtimeForConditionalGeneration,
    VoxtralRealtimeProcessor,
    WhisperFeatureExtractor,
)


def _plant_text(
    model: VoxtralForConditionalGeneration, processor: VoxtralProcessor, walk: int = 12
) -> None:
    """Make greedy decoding a walk through a shuffled list of words.

    Each word's logits point at the next one, every `walk`-th at </s>.
    """
    embed, head = model.model.language_model.embed_tokens.weight, model.lm_head.weight
    for layer in model.model.language_model.layers:
        layer.self_attn.o_proj.weight *= 0.2
        layer.mlp.down_proj.weight *= 0.2
        layer.self_attn.q_proj.weight *= 6  # look at moments, not at the average of 30 s
    embed.normal_()
    embed[:NUM_SPECIAL] *= 0.01  # at [TRANSCRIBE], what attention read from the audio decides
    silence = processor.apply_transcription_request(
        audio=[np.zeros(16000, np.float32)], model_id="tiny", sampling_rate=16000, format=["WAV"]
    )
    heard = model.model(**silence).last_hidden_state[0, -1]
    end = torch.randn(HIDDEN)
    heard /= heard.norm()
    end /= end.norm()
    for direction in (heard, end):  # words know neither silence nor the end
        embed -= embed @ direction[:, None] * direction
    embed.copy_(torch.nn.functional.normalize(embed, dim=-1))
    embed[:NUM_SPECIAL] *= 0.01
    first = NUM_SPECIAL + 256
    order = (torch.randperm(len(embed) - first) + first).tolist()
    head.zero_()  # bytes and special tokens are never chosen
    for here, there in zip(order, order[1:] + order[:1], strict=True):
        head[there] = embed[here]
    for here in order[walk - 1 :: walk]:
        embed[here] += end
    head[EOS] = 2 * end


def _plant_silence(
    model: VoxtralRealtimeForConditionalGeneration, processor: VoxtralRealtimeProcessor
) -> None:
    """Make [STREAMING_PAD] the answer to silence: its (tied) row points where that points."""
    silence = processor(np.zeros(3 * 16000, np.float32), return_tensors="pt")["input_features"]
    heard = model.get_audio_features(
        input_features=silence, use_cache=False, return_dict=True
    ).pooler_output[0, -1]
    direction = torch.nn.functional.normalize(heard, dim=0)
    embed = model.model.language_model.embed_tokens.weight
    embed -= embed @ direction[:, None] * direction
    embed.copy_(torch.nn.functional.normalize(embed, dim=-1))
    embed[: NUM_SPECIAL + 256] = 0  # of special tokens and bytes only the pad is ever chosen
    embed[STREAMING_PAD] = 0.65 * direction
    for layer in model.model.language_model.layers:
        layer.self_attn.o_proj.weight *= 0.2
        layer.mlp.down_proj.weight *= 0.2


def _text_config(vocab: int) -> dict[str, Any]:
    return {
        "vocab_size": vocab,
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "max_position_embeddings": 32768,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": PAD,
    }


def _save(model: Any, processor: Any, path: Path, mistral: Tensors, params: object) -> None:
    """Write both layouts."""
    model.save_pretrained(path)
    model.generation_config.save_pretrained(path)
    processor.save_pretrained(path)
    save_file(
        {k: v.clone().contiguous() for k, v in mistral.items()},
        path / "consolidated.safetensors",
        metadata={"format": "pt"},
    )
    (path / "params.json").write_text(json.dumps(params, indent=2))


def _sinusoids(n: int, width: int) -> torch.Tensor:
    """Positions, which are not in the file: vLLM computes them, so they must be these."""
    half = width // 2
    step = -torch.log(torch.tensor(10000.0)) / (half - 1)
    angles = torch.arange(n)[:, None] * torch.exp(step * torch.arange(half))[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _finish(model: Any, dtype: torch.dtype) -> Tensors:
    """Set what generation must know; the weights by name."""
    model.generation_config.bos_token_id, model.generation_config.eos_token_id = BOS, EOS
    model.generation_config.pad_token_id = PAD
    tensors: Tensors = model.to(dtype).state_dict()
    return tensors


def make_mini(path: Path, n_words: int, dtype: torch.dtype) -> None:
    """Write a model of the offline class."""
    path.mkdir(parents=True, exist_ok=True)
    vocab = write_tekken(path / "tekken.json", n_words, realtime=False)
    torch.manual_seed(0)
    model = VoxtralForConditionalGeneration(
        VoxtralConfig(
            audio_config={
                "hidden_size": HIDDEN,
                "intermediate_size": 4 * HIDDEN,  # the projector reads 4 x hidden under this name
                "num_hidden_layers": LAYERS,
                "num_attention_heads": HEADS,
                "num_mel_bins": 128,
                "max_source_positions": 1500,
                "initializer_range": 0.2,
            },
            text_config=_text_config(vocab) | {"rope_theta": 1e8, "initializer_range": 0.1},
            audio_token_id=AUDIO,
        )
    )
    model.model.audio_tower.embed_positions.weight.copy_(_sinusoids(1500, HIDDEN))
    processor = VoxtralProcessor(
        WhisperFeatureExtractor(feature_size=128), MistralCommonBackend(path / "tekken.json")
    )
    _plant_text(model, processor)
    sd = _finish(model, dtype)
    mistral = text_to_mistral(sd, "mm_whisper_embeddings.tok_embeddings.weight")
    mistral |= {"output.weight": sd["lm_head.weight"]} | audio_to_mistral(
        sd, "mm_whisper_embeddings", realtime=False
    )
    _save(model, processor, path, mistral, params_json(vocab, realtime=False))


def make_realtime(path: Path, n_words: int, dtype: torch.dtype) -> None:
    """Write a model of the realtime class."""
    path.mkdir(parents=True, exist_ok=True)
    vocab = write_tekken(path / "tekken.json", n_words, realtime=True)
    torch.manual_seed(0)
    model = VoxtralRealtimeForConditionalGeneration(
        VoxtralRealtimeConfig(
            audio_config={
                "hidden_size": HIDDEN,
                "intermediate_size": 4 * HIDDEN,
                "num_hidden_layers": LAYERS,
                "num_attention_heads": HEADS,
                "head_dim": HEAD_DIM,
                "num_mel_bins": 128,
                "sliding_window": 750,
                "initializer_range": 0.2,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
            },
            text_config=_text_config(vocab)
            | {
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
                "sliding_window": 8192,
                "max_position_embeddings": 131072,
                "initializer_range": 0.1,
                "tie_word_embeddings": True,
            },
        )
    )
    features = VoxtralRealtimeFeatureExtractor(feature_size=128)
    processor = VoxtralRealtimeProcessor(features, MistralCommonBackend(path / "tekken.json"))
    _plant_silence(model, processor)
    sd = _finish(model, dtype)
    prefix = "mm_streams_embeddings.embedding_module"
    mistral = text_to_mistral(sd, f"{prefix}.tok_embeddings.weight") | audio_to_mistral(
        sd, prefix, realtime=True
    )
    _save(model, processor, path, mistral, params_json(vocab, realtime=True))
