"""The decoder: new tokens of any number of sequences in, logits out.

One graph serves every number of rows and windows. Self-attention is paged: a row is a few
entries of a page table, appends to its own pages, and shares those of a common past. Cross-
attention goes window by window, all tokens over a window at once: its keys and values are read
from memory once a step however many beams look at them, nothing is padded to the longest
window, and a place without a window has no tokens and costs nothing.
"""

from typing import NamedTuple

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
from auricle.engines.whisper.graphs.paged_attention import PageTable, paged_attention
from auricle.engines.whisper.weights import HEAD_SIZE, WhisperWeights


class Lookers(NamedTuple):
    """Which tokens look at which windows, see `build_decoder`."""

    looking: Node
    seen: Node
    n_of_window: Node


def build_decoder(
    weights: WhisperWeights, *, int8: bool, cross_type: ov.Type, n_windows: int
) -> ov.Model:
    """The decoder as a graph with places for `n_windows` windows.

    Inputs, for t new tokens in the order of their windows: `embedded` float32 (t, d_model),
    token plus position; `looking` int64 (q,), the token of each query of the cross-attention, in
    the order of the tokens, and `seen` int64 (t,), the query that each token takes; `n_of_window`
    int32 (n_windows,), how many of the queries look at each window; `wanted` int64 (n,), the
    tokens whose logits are wanted; the page table `self`, a sequence a row; its pages
    `self_{i}_keys`, `self_{i}_values`; and of each window w `window_{w}_keys_{i}`,
    `window_{w}_values_{i}`, as the encoder gives them. Output `logits`: float32 (n, n_vocab).
    """
    builder = GraphBuilder(weights, int8=int8)
    dims = weights.dims
    node = builder.input("embedded", [-1, dims.d_model], ov.Type.f32)
    lookers = Lookers(
        builder.input("looking", [-1], ov.Type.i64),
        builder.input("seen", [-1], ov.Type.i64),
        builder.input("n_of_window", [n_windows], ov.Type.i32),
    )
    wanted = builder.input("wanted", [-1], ov.Type.i64)
    table = PageTable.inputs(builder, "self")
    for i in range(dims.n_decoder_layers):
        node = _self_attention(builder, node, i, table)
        node = _cross_attention(builder, node, i, lookers, cross_type)
        node = builder.feed_forward(node, f"decoder.{i}")
    node = ops.gather(node, wanted, constant(0, np.int64))
    builder.output(builder.projection(builder.norm(node, "decoder.norm")), "logits")
    return builder.model("whisper_decoder")


def _self_attention(builder: GraphBuilder, node: Node, layer: int, table: PageTable) -> Node:
    name = f"decoder.{layer}.self"
    qkv = builder.linear(builder.norm(node, f"{name}.norm"), f"{name}.qkv")
    query, key, value = split(qkv, 1, 3)
    mixed = paged_attention(builder, (query, key, value), f"self_{layer}", table)
    return ops.add(node, builder.linear(mixed, f"{name}.out"))


def _cross_attention(
    builder: GraphBuilder, node: Node, layer: int, lookers: Lookers, cross_type: ov.Type
) -> Node:
    name = f"decoder.{layer}.cross"
    dims = builder.dims
    query = builder.linear(builder.norm(node, f"{name}.norm"), f"{name}.query")
    query = ops.multiply(query, constant(HEAD_SIZE**-0.5))
    query = ops.gather(query, lookers.looking, constant(0, np.int64))
    n_windows = lookers.n_of_window.output(0).get_shape()[0]
    parts = ops.variadic_split(query, constant(0, np.int64), lookers.n_of_window).outputs()
    mixed = []
    for window, part in zip(range(n_windows), parts, strict=True):
        key, value = (
            ops.convert(
                builder.input(
                    f"window_{window}_{kind}_{layer}", [dims.n_heads, -1, HEAD_SIZE], cross_type
                ),
                "f32",
            )
            for kind in ("keys", "values")
        )
        heads = transpose(reshape(part, [0, dims.n_heads, HEAD_SIZE]), [1, 0, 2])
        weights = ops.softmax(ops.matmul(heads, key, False, True), 2)
        of_heads = ops.matmul(weights, value, False, False)
        mixed.append(reshape(transpose(of_heads, [1, 0, 2]), [0, dims.d_model]))
    of_tokens = ops.gather(ops.concat(mixed, 0), lookers.seen, constant(0, np.int64))
    return ops.add(node, builder.linear(of_tokens, f"{name}.out"))
