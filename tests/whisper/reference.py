"""Whisper's forward pass written down once more, slowly, in NumPy and float32.

Follows Radford et al. 2022 and openai/whisper `model.py`; shares no code with the runtime.
"""

import math

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.weights import WhisperWeights

Array = NDArray[np.float32]

_erf = np.vectorize(math.erf, otypes=[np.float32])


def _gelu(x: Array) -> Array:
    result: Array = x * (1 + _erf(x / np.float32(math.sqrt(2)))) / 2
    return result


def _norm(weights: WhisperWeights, x: Array, name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    result: Array = scaled * weights.array(f"{name}.weight") + weights.array(f"{name}.bias")
    return result


def _linear(weights: WhisperWeights, x: Array, name: str) -> Array:
    result: Array = x @ weights.array(f"{name}.weight").T + weights.array(f"{name}.bias")
    return result


def _attend(query: Array, key: Array, value: Array, *, causal: bool) -> tuple[Array, Array]:
    """(n, d), (m, d), (m, d) -> (n, d) and the softmax weights (heads, n, m)."""
    heads = [np.split(x, x.shape[1] // 64, axis=1) for x in (query, key, value)]
    mixed, maps = [], []
    for q, k, v in zip(*heads, strict=True):
        scores = q @ k.T / 8
        if causal:
            scores = np.where(np.tri(*scores.shape) > 0, scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        maps.append(scores)
        mixed.append(scores @ v)
    return np.concatenate(mixed, axis=1), np.stack(maps)


def _convolve(weights: WhisperWeights, x: Array, name: str, stride: int) -> Array:
    """(channels, n) -> (d_model, n / stride), padded by one on both sides."""
    kernel = weights.array(f"{name}.weight")
    padded = np.pad(x, ((0, 0), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=1)[:, ::stride]
    result = np.einsum("oik,ink->on", kernel, windows, optimize=True)
    return _gelu((result + weights.array(f"{name}.bias")[:, None]).astype(np.float32))


def encode(weights: WhisperWeights, log_mel: Array) -> Array:
    """(n_mels, n_frames) -> (n_frames / 2, d_model)."""
    x = _convolve(weights, _convolve(weights, log_mel, "encoder.conv1", 1), "encoder.conv2", 2).T
    x = x + weights.array("encoder.positions")[: len(x)]
    for i in range(weights.dims.n_encoder_layers):
        x = _self_block(weights, x, f"encoder.{i}", causal=False)
        x = _feed_forward(weights, x, f"encoder.{i}")
    return _norm(weights, x, "encoder.norm")


def _self_block(weights: WhisperWeights, x: Array, layer: str, *, causal: bool) -> Array:
    q, k, v = np.split(
        _linear(weights, _norm(weights, x, f"{layer}.self.norm"), f"{layer}.self.qkv"), 3, axis=1
    )
    result: Array = x + _linear(weights, _attend(q, k, v, causal=causal)[0], f"{layer}.self.out")
    return result


def _feed_forward(weights: WhisperWeights, x: Array, layer: str) -> Array:
    hidden = _gelu(_linear(weights, _norm(weights, x, f"{layer}.ffn.norm"), f"{layer}.ffn.up"))
    result: Array = x + _linear(weights, hidden, f"{layer}.ffn.down")
    return result


def decode(weights: WhisperWeights, encoded: Array, tokens: list[int]) -> tuple[Array, list[Array]]:
    """Logits after every token (n, n_vocab), and each layer's cross-attention (heads, n, m)."""
    embedding = weights.array("decoder.embedding")
    x = embedding[tokens] + weights.array("decoder.positions")[: len(tokens)]
    maps = []
    for i in range(weights.dims.n_decoder_layers):
        layer = f"decoder.{i}"
        x = _self_block(weights, x, layer, causal=True)
        query = _linear(weights, _norm(weights, x, f"{layer}.cross.norm"), f"{layer}.cross.query")
        key, value = np.split(_linear(weights, encoded, f"{layer}.cross.kv"), 2, axis=1)
        mixed, attention = _attend(query, key, value, causal=False)
        maps.append(attention)
        x = x + _linear(weights, mixed, f"{layer}.cross.out")
        x = _feed_forward(weights, x, layer)
    return _norm(weights, x, "decoder.norm") @ embedding.T, maps
