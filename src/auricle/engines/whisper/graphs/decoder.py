"""The decoder: new tokens of any number of sequences in, logits out.

One graph serves every number of rows and windows. Self-attention is paged: a row is a few
entries of a page table, appends to its own pages, and shares those of a common past. Cross-
attention goes window by window (`graphs/cross_attention.py`).
"""

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from auricle.engines.whisper.graphs.cross_attention import Lookers, attend
from auricle.engines.whisper.graphs.layers import GraphBuilder, Node, constant, split
from auricle.engines.whisper.graphs.paged_attention import PageTable, paged_attention
from auricle.engines.whisper.weights import HEAD_SIZE, WhisperWeights


def build_decoder(
    weights: WhisperWeights, *, int8: bool, cross_type: ov.Type, n_windows: int
) -> ov.Model:
    """The decoder as a graph with places for `n_windows` windows.

    Inputs, for t new tokens in the order of their windows: `embedded` float32 (t, d_model),
    token plus position; `n_of_window` int32 (n_windows,), how many queries of the cross-attention
    look at each window; `wanted` int64 (n,), the tokens whose logits are wanted; the page table
    `self`, a sequence a row; its pages `self_{i}_keys`, `self_{i}_values`; and of each window w
    `window_{w}_keys_{i}`, `window_{w}_values_{i}`, as the encoder gives them. Where `cross_type`
    is i8 each token is a query, and `scales` float32 (2 * n_layers * t, d_model) are, by layer
    and in the order of keys and values, those of the window it looks at, as the encoder gives
    them; elsewhere `looking` int64 (q,) is the token of each query, in the order of the tokens,
    and `seen` int64 (t,) the query that each token takes. Output `logits`: float32 (n, n_vocab).
    """
    builder = GraphBuilder(weights, int8=int8)
    dims = weights.dims
    node = builder.input("embedded", [-1, dims.d_model], ov.Type.f32)
    lookers = Lookers.inputs(builder, n_windows, cross_type)
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
    query = builder.linear(builder.norm(node, f"{name}.norm"), f"{name}.query")
    query = ops.multiply(query, constant(HEAD_SIZE**-0.5))
    mixed = attend(builder, query, layer, lookers, cross_type)
    return ops.add(node, builder.linear(mixed, f"{name}.out"))
