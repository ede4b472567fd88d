"""The decoder: new tokens of any number of sequences in, logits out.

One graph serves every number of rows: a row is a few entries of two page tables. Self-attention
appends to the row's own pages. Cross-attention reads the window's pages; as paged attention
always writes before it reads, every token is fed the window's last key and value, which it
writes again where they already are. For the same reason each token is a sequence of its own
there: the operation is causal among the new positions of one sequence.
"""

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from auricle.engines.whisper.graphs.layers import GraphBuilder, Node, constant, reshape, split
from auricle.engines.whisper.graphs.paged_attention import PageTable, paged_attention
from auricle.engines.whisper.weights import WhisperWeights


def build_decoder(weights: WhisperWeights, *, int8: bool) -> ov.Model:
    """The decoder as a graph.

    Inputs, for t new tokens: `embedded` float32 (t, d_model), token plus position; `last`
    float32 (t, n_layers, 2 * d_model) as the encoder gives it; `wanted` int64 (n,), the tokens
    whose logits are wanted; page tables `self` (a sequence a row) and `cross` (a sequence a
    token); the pages `self_{i}_keys`, `self_{i}_values`, `cross_{i}_keys`, `cross_{i}_values`.
    Output `logits`: float32 (n, n_vocab).
    """
    builder = GraphBuilder(weights, int8=int8)
    dims = weights.dims
    node = builder.input("embedded", [-1, dims.d_model], ov.Type.f32)
    last = builder.input("last", [-1, dims.n_decoder_layers, 2 * dims.d_model], ov.Type.f32)
    wanted = builder.input("wanted", [-1], ov.Type.i64)
    tables = PageTable.inputs(builder, "self"), PageTable.inputs(builder, "cross")
    for i, fed in enumerate(split(last, 1, dims.n_decoder_layers)):
        node = _self_attention(builder, node, i, tables[0])
        node = _cross_attention(builder, node, i, tables[1], fed)
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
    builder: GraphBuilder, node: Node, layer: int, table: PageTable, last: Node
) -> Node:
    name = f"decoder.{layer}.cross"
    query = builder.linear(builder.norm(node, f"{name}.norm"), f"{name}.query")
    key, value = split(reshape(last, [-1, 2 * builder.dims.d_model]), 1, 2)
    mixed = paged_attention(builder, (query, key, value), f"cross_{layer}", table)
    return ops.add(node, builder.linear(mixed, f"{name}.out"))
