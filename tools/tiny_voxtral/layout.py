"""From Hugging Face's layout of a checkpoint to Mistral's."""

from typing import Any

import torch
from tools.tiny_voxtral.sizes import HEAD_DIM, HEADS, HIDDEN, KV_HEADS, LAYERS

Tensors = dict[str, torch.Tensor]


def _unrope(w: torch.Tensor, heads: int) -> torch.Tensor:
    """Hugging Face's rotate-half order of q/k rows -> Mistral's interleaved order."""
    return w.view(heads, 2, w.shape[0] // heads // 2, -1).transpose(1, 2).reshape(w.shape)


def text_to_mistral(sd: Tensors, embed_name: str) -> Tensors:
    """The language model's weights under Mistral's names."""
    out = {
        embed_name: sd["model.language_model.embed_tokens.weight"],
        "norm.weight": sd["model.language_model.norm.weight"],
    }
    names = {
        "input_layernorm": "attention_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attention.wq",
        "self_attn.k_proj": "attention.wk",
        "self_attn.v_proj": "attention.wv",
        "self_attn.o_proj": "attention.wo",
        "mlp.gate_proj": "feed_forward.w1",
        "mlp.down_proj": "feed_forward.w2",
        "mlp.up_proj": "feed_forward.w3",
        "ada_rms_norm.linear1": "ada_rms_norm_t_cond.0",
        "ada_rms_norm.linear2": "ada_rms_norm_t_cond.2",
    }
    for i in range(LAYERS):
        for hf, mistral in names.items():
            w = sd.get(f"model.language_model.layers.{i}.{hf}.weight")
            if w is None:
                continue
            if hf.endswith("q_proj"):
                w = _unrope(w, HEADS)
            if hf.endswith("k_proj"):
                w = _unrope(w, KV_HEADS)
            out[f"layers.{i}.{mistral}.weight"] = w
    return out


def _encoder_names(*, realtime: bool) -> dict[str, str]:
    """The encoder's modules: Hugging Face's names and Mistral's."""
    conv = ("embedder.conv1", "embedder.conv2") if realtime else ("conv1", "conv2")
    suffix = ".conv" if realtime else ""
    names = {c: f"conv_layers.{i}{suffix}" for i, c in enumerate(conv)}
    names |= {"norm" if realtime else "layer_norm": "transformer.norm"}
    o_proj = "o_proj" if realtime else "out_proj"
    for i in range(LAYERS):
        here, there = f"layers.{i}", f"transformer.layers.{i}"
        names |= {
            f"{here}.self_attn_layer_norm": f"{there}.attention_norm",
            f"{here}.final_layer_norm": f"{there}.ffn_norm",
            f"{here}.self_attn.{o_proj}": f"{there}.attention.wo",
        }
        names |= {f"{here}.self_attn.{c}_proj": f"{there}.attention.w{c}" for c in "qkv"}
        if realtime:
            names |= {
                f"{here}.mlp.gate_proj": f"{there}.feed_forward.w1",
                f"{here}.mlp.down_proj": f"{there}.feed_forward.w2",
                f"{here}.mlp.up_proj": f"{there}.feed_forward.w3",
            }
        else:
            names |= {
                f"{here}.fc1": f"{there}.feed_forward.w1",
                f"{here}.fc2": f"{there}.feed_forward.w2",
            }
    return names


def audio_to_mistral(sd: Tensors, prefix: str, *, realtime: bool) -> Tensors:
    """The encoder's and the projector's weights under Mistral's names."""
    out = {}
    for hf, mistral in _encoder_names(realtime=realtime).items():
        for kind in ("weight", "bias"):
            w = sd.get(f"model.audio_tower.{hf}.{kind}")
            if w is None:
                continue
            if realtime and hf.endswith(("q_proj", "k_proj")):  # the realtime encoder is rotary too
                w = _unrope(w if kind == "weight" else w[:, None], HEADS).reshape(w.shape)
            out[f"{prefix}.whisper_encoder.{mistral}.{kind}"] = w
    for i, j in ((1, 0), (2, 2)):
        out[f"{prefix}.audio_language_projection.{j}.weight"] = sd[
            f"model.multi_modal_projector.linear_{i}.weight"
        ]
    return out


_AUDIO_ENCODING = {
    "sampling_rate": 16000,
    "frame_rate": 12.5,
    "num_mel_bins": 128,
    "hop_length": 160,
    "window_size": 400,
}
_ENCODER: dict[str, Any] = {
    "audio_encoding_args": _AUDIO_ENCODING,
    "dim": HIDDEN,
    "n_layers": LAYERS,
    "head_dim": HEAD_DIM,
    "hidden_dim": 4 * HIDDEN,
    "n_heads": HEADS,
    "vocab_size": 51866,
    "max_source_positions": 1500,
}
_REALTIME_ENCODER: dict[str, Any] = {
    **_ENCODER,
    "audio_encoding_args": {
        **_AUDIO_ENCODING,
        "transcription_format": "streaming",
        "global_log_mel_max": 1.5,
    },
    "max_source_positions": None,
    "causal": True,  # by this vLLM knows the class
    "sliding_window": 750,
    "pos_embed": "rope",
    "rope_theta": 1e6,
    "n_kv_heads": HEADS,
    "norm_eps": 1e-5,
    "ffn_type": "gate",
    "norm_type": "rms_norm",
    "use_biases": True,
}
_TEXT: dict[str, Any] = {
    "dim": HIDDEN,
    "n_layers": LAYERS,
    "head_dim": HEAD_DIM,
    "hidden_dim": 2 * HIDDEN,
    "n_heads": HEADS,
    "n_kv_heads": KV_HEADS,
    "rope_theta": 1e8,
    "norm_eps": 1e-5,
    "max_position_embeddings": 32768,
}
_REALTIME_TEXT: dict[str, Any] = {
    **_TEXT,
    "rope_theta": 1e6,
    "sliding_window": 8192,
    "causal": True,
    "tied_embeddings": True,
    "use_biases": False,
    "ada_rms_norm_t_cond": True,
    "ada_rms_norm_t_cond_dim": 32,
    "model_max_length": 131072,
    "max_position_embeddings": 131072,
}


def params_json(n_vocabulary: int, *, realtime: bool) -> dict[str, Any]:
    """What Mistral's loaders want to know."""
    encoder = _REALTIME_ENCODER if realtime else _ENCODER
    whisper = {"encoder_args": encoder, "downsample_args": {"downsample_factor": 4}}
    return {
        **(_REALTIME_TEXT if realtime else _TEXT),
        "vocab_size": n_vocabulary,
        "multimodal": {"whisper_model_args": whisper},
    }
