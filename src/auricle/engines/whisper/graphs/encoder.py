"""The encoder: log-mel in, keys and values of every cross-attention out.

The length is free, and the decoder's key and value projections are computed here, once a
window, instead of in its first step. It is cut into stages, between which other work may be done:
a full window takes as long as the text of a short utterance.
"""

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from auricle.engines.whisper.graphs.cross_attention import to_bytes
from auricle.engines.whisper.graphs.layers import (
    GraphBuilder,
    Node,
    constant,
    reshape,
    split,
    transpose,
)
from auricle.engines.whisper.weights import HEAD_SIZE, WhisperDims, WhisperWeights

STAGE_LAYERS = 3
"""Layers of a stage: what somebody's short utterance may have to wait for."""


def n_stages(dims: WhisperDims) -> int:
    """How many graphs the encoder is cut into."""
    return -(-dims.n_encoder_layers // STAGE_LAYERS)


def stage_layers(dims: WhisperDims, stage: int) -> tuple[int, int]:
    """The first layer of a stage, and the one behind its last."""
    first = stage * STAGE_LAYERS
    return first, min(first + STAGE_LAYERS, dims.n_encoder_layers)


def build_convolutions(weights: WhisperWeights) -> ov.Model:
    """What comes before the layers: float32 `log_mel`, see below, to `hidden` (1, n, d_model)."""
    builder = GraphBuilder(weights, int8=False)
    builder.output(_convolutions(builder), "hidden")
    return builder.model("whisper_convolutions")


def build_stage(
    weights: WhisperWeights, stage: int, *, int8: bool, cross_type: ov.Type, window_limit: int
) -> ov.Model:
    """A stage of the encoder as a graph; each takes what the one before it gives.

    Input of the first: `log_mel`, float32 (1, n_mels, n_frames); of the others `hidden`, float32
    (1, n, d_model) with n positions = n_frames / 2. Output: `next_hidden`, the same; of the last,
    for each decoder layer i: `keys_{i}` and `values_{i}`, (n_heads, n, HEAD_SIZE) in `cross_type`;
    where that is i8 also `scales`, float32 (2 * n_layers, d_model), of each channel of the keys and
    values in turn, no byte being beyond `window_limit`; and `sum`, which is no number where a value
    is none: bytes do not show it.
    """
    builder = GraphBuilder(weights, int8=int8)
    dims = weights.dims
    if stage == 0:
        node = _convolutions(builder)
    else:
        node = builder.input("hidden", [1, -1, dims.d_model], ov.Type.f32)
    for i in range(*stage_layers(dims, stage)):
        node = _layer(builder, node, f"encoder.{i}")
    if stage == n_stages(dims) - 1:
        _cross_attention(builder, node, cross_type, window_limit)
    else:
        builder.output(node, "next_hidden")
    return builder.model(f"whisper_encoder_{stage}")


def _cross_attention(
    builder: GraphBuilder, node: Node, cross_type: ov.Type, window_limit: int
) -> None:
    dims = builder.dims
    node = builder.norm(node, "encoder.norm")
    builder.output(ops.reduce_sum(node, constant([0, 1, 2], np.int64)), "sum")
    scales = []
    for i in range(dims.n_decoder_layers):
        flat = builder.linear(node, f"decoder.{i}.cross.kv")
        heads = transpose(reshape(flat, [-1, 2 * dims.n_heads, HEAD_SIZE]), [1, 0, 2])
        for part, values in zip(("keys", "values"), split(heads, 0, 2), strict=True):
            if cross_type == ov.Type.i8:
                stored, scale = to_bytes(values, window_limit)
                scales.append(scale)
            else:
                stored = ops.convert(values, cross_type.to_string())
            builder.output(stored, f"{part}_{i}")
    if scales:
        builder.output(ops.concat(scales, 0), "scales")


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
