"""The layers Whisper is made of, as OpenVINO operations.

Linear layers keep their weights as int8 with one scale a row where asked to: a constant, a
conversion and a multiplication, which the CPU plugin recognises and never expands.
"""

from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from auricle.engines.whisper.weights import HEAD_SIZE, WhisperWeights

Node = Any
"""A node or an output of one; the bindings carry no types."""

NORM_EPSILON = 1e-5


def constant(value: object, dtype: type[np.generic] = np.float32) -> Node:
    """A constant of that value."""
    return ops.constant(np.asarray(value, dtype))


class GraphBuilder:
    """Collects the inputs and outputs of one graph and writes its layers."""

    def __init__(self, weights: WhisperWeights, *, int8: bool) -> None:
        self.weights = weights
        self.dims = weights.dims
        self._int8 = int8
        self._inputs: list[Node] = []
        self._outputs: list[Node] = []

    def input(self, name: str, shape: list[int], kind: ov.Type) -> Node:
        """Declare an input; -1 is a free dimension."""
        node = ops.parameter(ov.PartialShape(shape), kind, name=name)
        node.output(0).set_names({name})
        self._inputs.append(node)
        return node

    def output(self, node: Node, name: str) -> None:
        """Declare an output."""
        result = ops.result(node)
        result.output(0).set_names({name})
        self._outputs.append(result)

    def model(self, name: str) -> ov.Model:
        """The graph of everything declared so far."""
        return ov.Model(self._outputs, self._inputs, name)

    def linear(self, node: Node, name: str) -> Node:
        """`node @ weight.T + bias`, over the last axis."""
        product = ops.matmul(node, self._matrix(self.weights.array(f"{name}.weight")), False, True)
        if f"{name}.bias" not in self.weights:
            return product
        return ops.add(product, constant(self.weights.array(f"{name}.bias")))

    def projection(self, node: Node) -> Node:
        """Logits over the vocabulary; the matrix is the token embedding."""
        return ops.matmul(node, self._matrix(self.weights.array("decoder.embedding")), False, True)

    def norm(self, node: Node, name: str) -> Node:
        """Layer normalisation over the last axis."""
        axis = constant([-1], np.int64)
        normal = ops.mvn(node, axis, True, NORM_EPSILON, "inside_sqrt")
        scaled = ops.multiply(normal, constant(self.weights.array(f"{name}.weight")))
        return ops.add(scaled, constant(self.weights.array(f"{name}.bias")))

    def feed_forward(self, node: Node, layer: str) -> Node:
        """The layer's two linear layers with a GELU between them, added to the input."""
        hidden = self.linear(self.norm(node, f"{layer}.ffn.norm"), f"{layer}.ffn.up")
        return ops.add(node, self.linear(ops.gelu(hidden, "erf"), f"{layer}.ffn.down"))

    def _matrix(self, weight: NDArray[np.float32]) -> Node:
        if not self._int8:
            return ops.constant(weight)
        scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True), 1e-8) / 127
        rounded = ops.constant(np.round(weight / scale).astype(np.int8))
        return ops.multiply(ops.convert(rounded, "f32"), ops.constant(scale.astype(np.float32)))


def reshape(node: Node, shape: list[int]) -> Node:
    """Another shape; 0 keeps a dimension, -1 is what is left."""
    return ops.reshape(node, constant(shape, np.int64), True)


def transpose(node: Node, order: list[int]) -> Node:
    """The axes in another order."""
    return ops.transpose(node, constant(order, np.int64))


def split(node: Node, axis: int, n_parts: int) -> list[Node]:
    """Equal parts along an axis."""
    return list(ops.split(node, constant(axis, np.int64), n_parts).outputs())


def by_head(node: Node, n_heads: int) -> Node:
    """(q, d_model) -> (n_heads, q, HEAD_SIZE), for attention."""
    return transpose(reshape(node, [0, n_heads, HEAD_SIZE]), [1, 0, 2])


def merged(node: Node, d_model: int) -> Node:
    """The reverse of `by_head`."""
    return reshape(transpose(node, [1, 0, 2]), [0, d_model])
