"""The encoder: log-mel in, keys and values of every cross-attention out.

The length is free, and the decoder's key and value projections are computed here, once a
window, instead of in its first step.
"""

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from auricle.engines.whisper.graphs.layers import (
    GraphBuilder,
    Node,
    constant,
    reshape,
    split,
    transpose,
)
from auricle.engines.whisper.weights import HEAD_SIZE, WhisperWeights

U8_LEVELS = 255


def build_encoder(weights: WhisperWeights, *, int8: bool, quantize_cross: bool) -> ov.Model:
    """The encoder as a graph.

    Input `log_mel`: float32 (1, n_mels, n_frames). Outputs, with n positions = n_frames / 2,
    for each decoder layer i: `cross_{i}` (n, 2 * n_heads, 64), keys then values, as float32 or,
    with `quantize_cross`, as uint8 together with `scale_{i}` float32 (n, 2 * n_heads, 2): the
    value is `(byte - scale[1]) * scale[0]`. `last`: float32 (n_layers, 2 * d_model), the keys
    and values of the last position, which the decoder is fed.
    """
    builder = GraphBuilder(weights, int8=int8)
    dims = weights.dims
    node = _convolutions(builder)
    for i in range(dims.n_encoder_layers):
        node = _layer(builder, node, f"encoder.{i}")
    node = builder.norm(node, "encoder.norm")
    last = []
    for i in range(dims.n_decoder_layers):
        flat = reshape(builder.linear(node, f"decoder.{i}.cross.kv"), [-1, 2 * dims.d_model])
        last.append(ops.slice(flat, [-1], [2**31 - 1], [1], [0]))
        heads = reshape(flat, [0, 2 * dims.n_heads, HEAD_SIZE])
        if quantize_cross:
            _quantized(builder, heads, i)
        else:
            builder.output(heads, f"cross_{i}")
    builder.output(ops.concat(last, 0), "last")
    return builder.model("whisper_encoder")


def _convolutions(builder: GraphBuilder) -> Node:
    weights = builder.weights
    node = builder.input("log_mel", [1, builder.dims.n_mels, -1], ov.Type.f32)
    for stride, name in ((1, "encoder.conv1"), (2, "encoder.conv2")):
        kernel = constant(weights.array(f"{name}.weight"))
        bias = constant(weights.array(f"{name}.bias")[None, :, None])
        node = ops.convolution(node, kernel, [stride], [1], [1], [1])
        node = ops.gelu(ops.add(node, bias), "erf")
    node = transpose(node, [0, 2, 1])
    length = ops.gather(ops.shape_of(node), constant([1], np.int64), constant(0, np.int64))
    positions = constant(weights.array("encoder.positions")[None])
    return ops.add(node, ops.slice(positions, [0], length, [1], [1]))


def _layer(builder: GraphBuilder, node: Node, name: str) -> Node:
    """Self-attention over all positions, then the feed-forward block."""
    dims = builder.dims
    qkv = builder.linear(builder.norm(node, f"{name}.self.norm"), f"{name}.self.qkv")
    heads = transpose(reshape(qkv, [0, 0, 3 * dims.n_heads, HEAD_SIZE]), [0, 2, 1, 3])
    query, key, value = split(heads, 1, 3)
    mixed = _attention(query, key, value, dims.n_heads)
    merged = reshape(transpose(mixed, [0, 2, 1, 3]), [0, 0, dims.d_model])
    node = ops.add(node, builder.linear(merged, f"{name}.self.out"))
    return builder.feed_forward(node, name)


def _attention(query: Node, key: Node, value: Node, n_heads: int) -> Node:
    """Softmax attention, a head at a time: one head's scores stay near the core."""
    query = ops.multiply(query, constant(HEAD_SIZE**-0.5))
    parts = []
    for one_query, one_key, one_value in zip(
        split(query, 1, n_heads), split(key, 1, n_heads), split(value, 1, n_heads), strict=True
    ):
        scores = ops.matmul(one_query, one_key, False, True)
        parts.append(ops.matmul(ops.softmax(scores, 3), one_value, False, False))
    return ops.concat(parts, 1)


def _quantized(builder: GraphBuilder, heads: Node, layer: int) -> None:
    """Bytes with scale and zero point per position and head, as paged attention stores them."""
    axis = constant([2], np.int64)
    low = ops.reduce_min(heads, axis, True)
    high = ops.reduce_max(heads, axis, True)
    scale = ops.maximum(ops.divide(ops.subtract(high, low), constant(U8_LEVELS)), constant(1e-7))
    zero = ops.divide(ops.negative(low), scale)
    levels = ops.round(ops.add(ops.divide(heads, scale), zero), "half_to_even")
    clamped = ops.clamp(levels, 0.0, float(U8_LEVELS))
    builder.output(ops.convert(clamped, "u8"), f"cross_{layer}")
    builder.output(ops.concat([scale, zero], 2), f"scale_{layer}")
