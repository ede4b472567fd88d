"""The decoder over a whole text at once, for the cross-attention scores of a few heads.

Word times need them, and paged attention does not give them. Only layers up to the last
alignment head are built, and nothing behind its scores.
"""

from collections.abc import Sequence

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from auricle.engines.whisper.graphs.layers import (
    GraphBuilder,
    Node,
    by_head,
    constant,
    merged,
    reshape,
    split,
)
from auricle.engines.whisper.weights import HEAD_SIZE, WhisperWeights


def build_alignment(
    weights: WhisperWeights, heads: Sequence[tuple[int, int]], *, int8: bool, cross_type: ov.Type
) -> ov.Model:
    """The graph for the (layer, head) pairs `heads`.

    Inputs, for n tokens over m positions: `embedded` float32 (n, d_model); `mask` float32
    (n, n), 0 or a great negative number; `keys_{i}`, `values_{i}` in `cross_type` (n_heads, m,
    HEAD_SIZE) for each layer i that is needed; where that is i8 also `scales`, see `build_stage`.
    Output `scores`: float32 (len(heads), n, m),
    before the softmax, ordered by layer and within it as given.
    """
    builder = GraphBuilder(weights, int8=int8)
    dims = builder.dims
    node = builder.input("embedded", [-1, dims.d_model], ov.Type.f32)
    mask = builder.input("mask", [-1, -1], ov.Type.f32)
    scales = None
    if cross_type == ov.Type.i8:
        scales = builder.input("scales", [2 * dims.n_decoder_layers, dims.d_model], ov.Type.f32)
    n_layers = 1 + max(layer for layer, _ in heads)
    wanted = []
    for i in range(n_layers):
        node = _self_attention(builder, node, mask, f"decoder.{i}.self")
        name = f"decoder.{i}.cross"
        flat = builder.linear(builder.norm(node, f"{name}.norm"), f"{name}.query")
        query = by_head(flat, dims.n_heads)
        key, value = (
            _of_window(builder, f"{part}_{i}", cross_type, scales, 2 * i + n)
            for n, part in enumerate(("keys", "values"))
        )
        scores = _scores(query, key)
        of_layer = [head for layer, head in heads if layer == i]
        if of_layer:
            wanted.append(ops.gather(scores, constant(of_layer, np.int64), constant(0, np.int64)))
        if i + 1 < n_layers:
            mixed = ops.matmul(ops.softmax(scores, 2), value, False, False)
            out = builder.linear(merged(mixed, builder.dims.d_model), f"decoder.{i}.cross.out")
            node = builder.feed_forward(ops.add(node, out), f"decoder.{i}")
    builder.output(ops.concat(wanted, 0), "scores")
    return builder.model("whisper_alignment")


def _of_window(
    builder: GraphBuilder, name: str, cross_type: ov.Type, scales: Node | None, index: int
) -> Node:
    """Keys or values of the window in float32; of bytes `scales` holds theirs at `index`."""
    n_heads = builder.dims.n_heads
    node = ops.convert(builder.input(name, [n_heads, -1, HEAD_SIZE], cross_type), "f32")
    if scales is None:
        return node
    scale = ops.gather(scales, constant(index, np.int64), constant(0, np.int64))
    return ops.multiply(node, reshape(scale, [n_heads, 1, HEAD_SIZE]))


def _scores(query: Node, key: Node) -> Node:
    scaled = ops.multiply(query, constant(HEAD_SIZE**-0.5))
    return ops.matmul(scaled, key, False, True)


def _self_attention(builder: GraphBuilder, node: Node, mask: Node, name: str) -> Node:
    qkv = builder.linear(builder.norm(node, f"{name}.norm"), f"{name}.qkv")
    query, key, value = (by_head(part, builder.dims.n_heads) for part in split(qkv, 1, 3))
    weights = ops.softmax(ops.add(_scores(query, key), mask), 2)
    mixed = ops.matmul(weights, value, False, False)
    return ops.add(node, builder.linear(merged(mixed, builder.dims.d_model), f"{name}.out"))
