"""The decoder's cross-attention, window by window.

All tokens over a window are computed at once: its keys and values are read from memory once a
step however many beams look at them, nothing is padded to the longest window, and a place without
a window has no tokens and computes nothing.

Reading them is what it costs, so they may be bytes, with a scale for each channel of a window:
a quarter of what float32 takes. Queries and weights are then rounded to bytes too, each row with a
scale of its own. Those products are sums of integers, exact in any order, so what a token gets does
not depend on who else looks at its window.
"""

from collections.abc import Sequence
from typing import NamedTuple

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
from auricle.engines.whisper.weights import HEAD_SIZE

_MOST = 127
"""The greatest byte with a sign."""
_LEAST = 1e-20
"""In place of zero, where all values are."""


class Lookers(NamedTuple):
    """Which tokens look at which windows, see `build_decoder`.

    `scales` are those of windows of bytes, by layer the keys' and the values', each (q, d_model);
    `looking` and `seen` are there for others.
    """

    n_of_window: Node
    scales: Sequence[Node] = ()
    looking: Node | None = None
    seen: Node | None = None

    @classmethod
    def inputs(cls, builder: GraphBuilder, n_windows: int, cross_type: ov.Type) -> "Lookers":
        """Declare them."""
        n_of_window = builder.input("n_of_window", [n_windows], ov.Type.i32)
        if cross_type == ov.Type.i8:
            scales = builder.input("scales", [-1, builder.dims.d_model], ov.Type.f32)
            return cls(n_of_window, split(scales, 0, 2 * builder.dims.n_decoder_layers))
        looking, seen = (builder.input(name, [-1], ov.Type.i64) for name in ("looking", "seen"))
        return cls(n_of_window, looking=looking, seen=seen)

    def parts(self, heads: Node) -> list[Node]:
        """(n_heads, q, …) by window."""
        return list(ops.variadic_split(heads, constant(1, np.int64), self.n_of_window).outputs())


def to_bytes(heads: Node, limit: int) -> tuple[Node, Node]:
    """A window's keys or values (n_heads, n, HEAD_SIZE) as int8, and their scales (1, d_model).

    No byte is beyond `limit`.
    """
    scale = _scale(heads, axis=1, limit=limit)
    levels = ops.round(ops.divide(heads, scale), "half_to_even")
    return ops.convert(levels, "i8"), reshape(scale, [1, -1])


def attend(
    builder: GraphBuilder, query: Node, layer: int, lookers: Lookers, cross_type: ov.Type
) -> Node:
    """What queries (q, d_model), already scaled, take from their windows: the same shape."""
    n_heads, d_model = builder.dims.n_heads, builder.dims.d_model
    windows = [
        tuple(
            ops.convert(
                builder.input(
                    f"window_{window}_{kind}_{layer}", [n_heads, -1, HEAD_SIZE], cross_type
                ),
                "f32",
            )
            for kind in ("keys", "values")
        )
        for window in range(lookers.n_of_window.output(0).get_shape()[0])
    ]
    if lookers.scales:
        key_scale, value_scale = lookers.scales[2 * layer : 2 * layer + 2]
        heads = by_head(ops.multiply(query, key_scale), n_heads)
        return ops.multiply(merged(_mix_bytes(heads, windows, lookers), d_model), value_scale)
    first = constant(0, np.int64)
    query = ops.gather(query, lookers.looking, first)
    mixed = merged(_mix(by_head(query, n_heads), windows, lookers), d_model)
    return ops.gather(mixed, lookers.seen, first)


def _mix(query: Node, windows: Sequence[tuple[Node, ...]], lookers: Lookers) -> Node:
    mixed = []
    for part, (key, value) in zip(lookers.parts(query), windows, strict=True):
        weights = ops.softmax(ops.matmul(part, key, False, True), 2)
        mixed.append(ops.matmul(weights, value, False, False))
    return ops.concat(mixed, 1)


def _mix_bytes(query: Node, windows: Sequence[tuple[Node, ...]], lookers: Lookers) -> Node:
    """The same of bytes. Weights are rounded in shares of the heaviest of their row.

    What can be done for all windows at once is: a small node costs ten microseconds each time. All
    bytes are multiplied with one because the plugin takes only bytes with a scale for bytes.
    """
    step = _scale(query, axis=2)
    levels = ops.convert(ops.round(ops.divide(query, step), "half_to_even"), "i8")
    axis, one = constant([2], np.int64), constant(1.0)
    mixed, heaviest = [], []
    for part, part_step, (key, value) in zip(
        lookers.parts(levels), lookers.parts(step), windows, strict=True
    ):
        part_bytes = ops.multiply(ops.convert(part, "f32"), one)
        products = ops.matmul(part_bytes, ops.multiply(key, one), False, True)
        weights = ops.softmax(ops.multiply(products, part_step), 2)
        most = ops.reduce_max(weights, axis, keep_dims=True)
        shares = _rounded(ops.divide(weights, most))
        mixed.append(ops.matmul(shares, ops.multiply(value, one), False, False))
        heaviest.append(most)
    return ops.multiply(ops.concat(mixed, 1), ops.concat(heaviest, 1))


def _scale(node: Node, *, axis: int, limit: int = _MOST) -> Node:
    """What values along an axis are to be divided by to lie within a limit."""
    sizes = ops.maximum(ops.abs(node), constant(_LEAST))
    greatest = ops.reduce_max(sizes, constant([axis], np.int64), keep_dims=True)
    return ops.multiply(greatest, constant(1 / limit))


def _rounded(shares: Node) -> Node:
    """0 to 1 in 256 levels, so that the plugin multiplies bytes."""
    zero, one = constant(0.0), constant(1.0)
    return ops.fake_quantize(shares, zero, one, zero, one, 256)
