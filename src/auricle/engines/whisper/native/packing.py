"""The decoder's weights as the library reads them: bytes in the order that its sums take them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.native.library import Layer, Linear, Model, Norm
from auricle.engines.whisper.weights import WhisperWeights

STRIPE = 64
"""Outputs that are computed together, as in `linear.h`."""
FOUR = 4
"""Inputs whose products one instruction adds up."""
ROWS_AT_ONCE = 4096
"""Rows that are rounded together: a vocabulary in float32 is 100 MB."""


class PackedDecoder:
    """A model of the library, and the arrays that it points to."""

    def __init__(self, weights: WhisperWeights) -> None:
        """Round all of them to bytes.

        Raises:
            WeightsError: one is missing.
        """
        self._weights = weights
        self._arrays: list[NDArray[Any]] = []
        dims = weights.dims
        layers = (Layer * dims.n_decoder_layers)(*map(self._layer, range(dims.n_decoder_layers)))
        projection = self._linear("decoder.embedding", None)
        self.model = Model(
            dims.d_model, dims.n_decoder_layers, layers, self._norm("decoder.norm"), projection
        )

    def _layer(self, i: int) -> Layer:
        name = f"decoder.{i}"
        linear = ("self.qkv", "self.out", "cross.query", "cross.out", "ffn.up", "ffn.down")
        return Layer(
            *(self._norm(f"{name}.{part}.norm") for part in ("self", "cross", "ffn")),
            *(self._linear(f"{name}.{part}.weight", f"{name}.{part}.bias") for part in linear),
        )

    def _norm(self, name: str) -> Norm:
        return Norm(
            *(self._kept(self._weights.array(f"{name}.{part}")) for part in ("weight", "bias"))
        )

    def _linear(self, name: str, bias_name: str | None) -> Linear:
        matrix = self._weights.array(name)
        n_rows, n_in = matrix.shape
        n_out = -(-n_rows // STRIPE) * STRIPE
        bias, scales = np.zeros(n_out, np.float32), np.zeros(n_out, np.float32)
        if bias_name is not None and bias_name in self._weights:
            bias[:n_rows] = self._weights.array(bias_name)
        packed = np.empty((n_out // STRIPE, n_in // FOUR, STRIPE), np.uint32)
        for first in range(0, n_out, ROWS_AT_ONCE):
            last = min(first + ROWS_AT_ONCE, n_out)
            levels, scales[first:last] = _rounded(matrix[first:last], last - first)
            fours = levels.view(np.uint32).reshape(-1, STRIPE, n_in // FOUR)
            packed[first // STRIPE : last // STRIPE] = fours.swapaxes(1, 2)
        return Linear(*map(self._kept, (packed, scales, bias)), n_in, n_out)

    def _kept(self, array: NDArray[Any]) -> int:
        """Where it lies; it stays there as long as this does."""
        array = np.ascontiguousarray(array)
        self._arrays.append(array)
        return array.ctypes.data


def _rounded(
    matrix: NDArray[np.float32], n_rows: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Bytes of 128 more than the weights' levels, and the rows' scales; filled up to `n_rows`."""
    scales = np.zeros(n_rows, np.float32)
    scales[: len(matrix)] = np.maximum(np.abs(matrix).max(axis=1), 1e-8) / 127
    levels = np.full((n_rows, matrix.shape[1]), 128, np.uint8)
    levels[: len(matrix)] = np.rint(matrix / scales[: len(matrix), None]) + 128
    return levels, scales
