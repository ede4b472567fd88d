"""The decoder's cross-attention, window by window.

All tokens over a window are computed at once: its keys and values are read from memory once a
step however many beams look at them, nothing is padded to the longest window, and a place without
a window has no tokens and costs nothing.

Reading them is what it costs, so they may be bytes, with a scale for each channel of a window:
a quarter of what float32 takes. Queries and weights are then rounded to bytes too, each row with a
scale of its own. Those products are sums of integers, exact in any order, so what a token gets does
not depend on who else looks at its window.
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
    transpose,
)
from auricle.engines.whisper.weights import HEAD_SIZE

INT8 = (-128, 127)
UINT8 = (0, 255)
_LEVELS = 256
_LEAST_SCALE = 1e-20
"""In place of zero, where all values are."""


class ByteScales(NamedTuple):
    """Of windows of bytes, see `build_decoder`."""

    looked_at: Node
    scales: Node


class Lookers(NamedTuple):
    """Which tokens look at which windows, see `build_decoder`."""

    looking: Node
    seen: Node
    n_of_window: Node
    in_bytes: ByteScales | None

    @classmethod
    def inputs(cls, builder: GraphBuilder, n_windows: int, cross_type: ov.Type) -> "Lookers":
        """Declare them."""
        in_bytes = None
        if cross_type == ov.Type.i8:
            shape = [n_windows, 2 * builder.dims.n_decoder_layers, builder.dims.d_model]
            in_bytes = ByteScales(
                builder.input("looked_at", [-1], ov.Type.i64),
                builder.input("scales", shape, ov.Type.f32),
            )
        return cls(
            builder.input("looking", [-1], ov.Type.i64),
            builder.input("seen", [-1], ov.Type.i64),
            builder.input("n_of_window", [n_windows], ov.Type.i32),
            in_bytes,
        )

    def parts(self, heads: Node) -> list[Node]:
        """(n_heads, q, …) by window."""
        return list(ops.variadic_split(heads, constant(1, np.int64), self.n_of_window).outputs())


def to_bytes(heads: Node) -> tuple[Node, Node]:
    """A window's keys or values (n_heads, n, HEAD_SIZE) as int8, and their scales (1, d_model)."""
    scale = _scale(heads, axis=1, largest=INT8[1])
    levels = ops.round(ops.divide(heads, scale), "half_to_even")
    return ops.convert(levels, "i8"), reshape(scale, [1, -1])


def attend(
    builder: GraphBuilder, query: Node, layer: int, lookers: Lookers, cross_type: ov.Type
) -> Node:
    """What queries (q, d_model), already scaled, take from their windows: the same shape."""
    n_heads, d_model = builder.dims.n_heads, builder.dims.d_model
    key_scale, value_scale = _scales_of_queries(lookers, layer)
    if key_scale is not None:
        query = ops.multiply(query, key_scale)
    heads = transpose(reshape(query, [0, n_heads, HEAD_SIZE]), [1, 0, 2])
    mix = _mix_bytes if lookers.in_bytes else _mix
    mixed = []
    for window, part in enumerate(lookers.parts(heads)):
        key, value = (
            builder.input(f"window_{window}_{kind}_{layer}", [n_heads, -1, HEAD_SIZE], cross_type)
            for kind in ("keys", "values")
        )
        mixed.append(mix(part, ops.convert(key, "f32"), ops.convert(value, "f32")))
    merged = reshape(transpose(ops.concat(mixed, 1), [1, 0, 2]), [0, d_model])
    return merged if value_scale is None else ops.multiply(merged, value_scale)


def _scales_of_queries(lookers: Lookers, layer: int) -> tuple[Node | None, Node | None]:
    """The scales of the keys and of the values that each query looks at, (q, d_model)."""
    if not lookers.in_bytes:
        return None, None
    first, second = constant(0, np.int64), constant(1, np.int64)
    key, value = (
        ops.gather(
            ops.gather(lookers.in_bytes.scales, constant(2 * layer + part, np.int64), second),
            lookers.in_bytes.looked_at,
            first,
        )
        for part in range(2)
    )
    return key, value


def _mix(query: Node, key: Node, value: Node) -> Node:
    weights = ops.softmax(ops.matmul(query, key, False, True), 2)
    return ops.matmul(weights, value, False, False)


def _mix_bytes(query: Node, key: Node, value: Node) -> Node:
    """The same of bytes. Weights are rounded in shares of the heaviest of their row."""
    step = _scale(query, axis=2, largest=INT8[1])
    scores = ops.matmul(_rounded(ops.divide(query, step), INT8), _bytes(key), False, True)
    weights = ops.softmax(ops.multiply(scores, step), 2)
    share = _scale(weights, axis=2, largest=UINT8[1])
    levels = _rounded(ops.divide(weights, share), UINT8)
    return ops.multiply(ops.matmul(levels, _bytes(value), False, False), share)


def _scale(node: Node, *, axis: int, largest: int) -> Node:
    """What the greatest magnitude along an axis has to be divided by to be `largest`."""
    greatest = ops.reduce_max(ops.abs(node), constant([axis], np.int64), keep_dims=True)
    return ops.maximum(ops.multiply(greatest, constant(1 / largest)), constant(_LEAST_SCALE))


def _rounded(node: Node, limits: tuple[int, int]) -> Node:
    """Rounded to integers in the way that the plugin multiplies as bytes."""
    low, high = (constant(limit) for limit in limits)
    return ops.fake_quantize(node, low, high, low, high, _LEVELS)


def _bytes(node: Node) -> Node:
    """Bytes in float32, with the scale that the plugin needs to multiply them as bytes."""
    return ops.multiply(node, constant(1.0))
