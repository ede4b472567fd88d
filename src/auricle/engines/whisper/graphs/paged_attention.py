"""OpenVINO's paged attention operation, as this project uses it.

Keys and values lie in pages of PAGE_SIZE positions, one tensor a layer; every sequence names its
pages, so sequences of any lengths share a call, and nothing is padded, masked or copied when
one joins or leaves. The operation first writes the new keys and values behind `past` positions,
then attends. It is the operation of OpenVINO's own continuous batching; its Python class is
private, which is why `pyproject.toml` pins the minor version.
"""

from dataclasses import dataclass

import numpy as np
import openvino as ov
from openvino.op import _PagedAttentionExtension

from auricle.engines.whisper.graphs.layers import GraphBuilder, Node, constant
from auricle.engines.whisper.weights import HEAD_SIZE

PAGE_SIZE = 32
"""Positions of one page; the CPU plugin takes no other."""


@dataclass(frozen=True, slots=True)
class PageTable:
    """Which pages each sequence has; inputs `{name}_past`, `_begins`, `_pages`, `_page_begins`.

    For n sequences and t new positions in all: past lengths (n,), where each sequence's new
    positions begin (n + 1,), all page numbers in order, where each sequence's begin (n + 1,),
    and the greatest length with the new positions, a scalar `{name}_longest`.
    """

    past: Node
    begins: Node
    pages: Node
    page_begins: Node
    longest: Node

    @classmethod
    def inputs(cls, builder: GraphBuilder, name: str) -> "PageTable":
        """Declare them."""
        past, begins, pages, page_begins = (
            builder.input(f"{name}_{part}", [-1], ov.Type.i32)
            for part in ("past", "begins", "pages", "page_begins")
        )
        longest = builder.input(f"{name}_longest", [], ov.Type.i32)
        return cls(past, begins, pages, page_begins, longest)


def paged_attention(
    builder: GraphBuilder, qkv: tuple[Node, Node, Node], cache_name: str, table: PageTable
) -> Node:
    """Attention of t new positions over their sequences' pages.

    Args:
        builder: takes the inputs `{cache_name}_keys` and `{cache_name}_values`, the pages.
        qkv: query, new keys and new values, each (t, d_model).
        cache_name: of the two page tensors.
        table: the sequences.

    Returns:
        Shape (t, d_model).
    """
    n_heads = builder.dims.n_heads
    caches = [
        # the plugin sets type and shape from KV_CACHE_PRECISION
        builder.input(f"{cache_name}_{part}", [-1, n_heads, PAGE_SIZE, -1], ov.Type.dynamic)
        for part in ("keys", "values")
    ]
    none_i32, none_f32 = constant(np.zeros(0), np.int32), constant(np.zeros(0))
    zero = constant(0, np.int32)
    arguments = [
        *qkv,
        *caches,
        *(table.past, table.begins, table.pages, table.page_begins),
        constant(HEAD_SIZE**-0.5),
        zero,  # sliding window
        none_f32,  # ALiBi slopes
        table.longest,
        none_i32,  # score aggregation window
        *(none_i32, none_i32, none_f32),  # rotated pages, their deltas and table
        *(none_f32, zero, zero),  # sparse attention: threshold, block, stride
        none_f32,  # sinks
        *(zero, none_i32, none_i32, none_i32),  # eviction
        none_i32,  # token types
        *(constant(np.zeros(0), np.uint8), none_i32),  # tree mask of speculative decoding
    ]
    node = _PagedAttentionExtension([_output(argument) for argument in arguments])
    _describe(node, n_heads)
    return node.output(0)


def describe_heads(model: ov.Model, n_heads: int) -> None:
    """Tell a graph's attention operations their heads again: files do not keep that."""
    for node in model.get_ops():
        if node.get_type_name() == "PagedAttentionExtension":
            _describe(node, n_heads)


def _describe(node: Node, n_heads: int) -> None:
    table = node.get_rt_info()
    table["num_k_heads"] = table["num_v_heads"] = n_heads
    table["k_head_size"] = table["v_head_size"] = HEAD_SIZE


def _output(node: Node) -> Node:
    """The first output of a node, or the output itself."""
    return node.output(0) if isinstance(node, ov.Node) else node
