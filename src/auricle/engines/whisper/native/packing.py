"""Weights as the library reads them: bytes in the order that its sums take them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.native.library import (
    Decoder,
    DecoderLayer,
    Encoder,
    EncoderLayer,
    Linear,
    Norm,
)
from auricle.engines.whisper.weights import WhisperWeights

STRIPE = 64
"""Outputs that are computed together, as in `linear_bytes.h`."""
FOUR = 4
"""Inputs whose products one instruction adds up."""
TILE, TWO_TILES = 16, 32
"""Outputs, and pairs of inputs, of a tile as in `linear_tiles.h`."""
ROWS_AT_ONCE = 4096
"""Rows that are rounded together: a vocabulary in float32 is 100 MB."""


class Packing:
    """Structures of the library, and the arrays that they point to: keep both."""

    def __init__(self, weights: WhisperWeights, *, in_tiles: bool = False) -> None:
        """Nothing is packed yet; what is raises WeightsError where weights are missing.

        Args:
            weights: the checkpoint.
            in_tiles: linear layers as bfloat16 in tiles, instead of as bytes.
        """
        self._weights, self._is_in_tiles = weights, in_tiles
        self._arrays: list[NDArray[Any]] = []

    def encoder(self) -> Encoder:
        """The encoder's layers, and the decoder's projections of what it gives."""
        dims = self._weights.dims
        n, n_windows = dims.n_encoder_layers, dims.n_decoder_layers
        layers = (EncoderLayer * n)(*(self._layer(EncoderLayer, f"encoder.{i}") for i in range(n)))
        windows = (Linear * n_windows)(
            *(self._linear(f"decoder.{i}.cross.kv") for i in range(n_windows))
        )
        return Encoder(dims.d_model, layers, self._norm("encoder.norm"), windows)

    def decoder(self) -> Decoder:
        """The decoder with its projection to the vocabulary."""
        dims, n = self._weights.dims, self._weights.dims.n_decoder_layers
        layers = (DecoderLayer * n)(*(self._layer(DecoderLayer, f"decoder.{i}") for i in range(n)))
        projection = self._matrix(self._weights.array("decoder.embedding"), None)
        return Decoder(dims.d_model, n, layers, self._norm("decoder.norm"), projection)

    def _layer(self, kind: type[Any], name: str) -> Any:
        """Its parts have the names of the weights, with an underscore for the point."""
        norms = (self._norm(f"{name}.{_dotted(part)}") for part in kind.NORMS)
        linear = (self._linear(f"{name}.{_dotted(part)}") for part in kind.LINEAR)
        return kind(*norms, *linear)

    def _norm(self, name: str) -> Norm:
        parts = ("weight", "bias")
        return Norm(*(self._kept(self._weights.array(f"{name}.{part}")) for part in parts))

    def _linear(self, name: str) -> Linear:
        has_bias = f"{name}.bias" in self._weights
        bias = self._weights.array(f"{name}.bias") if has_bias else None
        return self._matrix(self._weights.array(f"{name}.weight"), bias)

    def _matrix(self, matrix: NDArray[np.float32], bias: NDArray[np.float32] | None) -> Linear:
        packed, scales = (_in_tiles if self._is_in_tiles else _in_bytes)(matrix)
        added = np.zeros(len(scales), np.float32)
        if bias is not None:
            added[: len(bias)] = bias
        return Linear(*map(self._kept, (packed, scales, added)), matrix.shape[1], len(scales))

    def _kept(self, array: NDArray[Any]) -> int:
        """Where it lies; it stays there as long as this does."""
        array = np.ascontiguousarray(array)
        self._arrays.append(array)
        return array.ctypes.data


def _dotted(part: str) -> str:
    return part.replace("_", ".", 1)


def _in_bytes(matrix: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Weights for `linear_bytes.h`, and a scale for each output."""
    n_rows, n_in = matrix.shape
    n_out = -(-n_rows // STRIPE) * STRIPE
    scales = np.zeros(n_out, np.float32)
    packed = np.empty((n_out // STRIPE, n_in // FOUR, STRIPE), np.uint32)
    for first in range(0, n_out, ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, n_out)
        levels, scales[first:last] = _rounded(matrix[first:last], last - first)
        fours = levels.view(np.uint32).reshape(-1, STRIPE, n_in // FOUR)
        packed[first // STRIPE : last // STRIPE] = fours.swapaxes(1, 2)
    return packed, scales


def _in_tiles(matrix: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Weights for `linear_tiles.h`; scales of one, which it has no use for."""
    n_out, n_in = matrix.shape
    pairs = _as_bf16(matrix).view(np.uint32)
    tiles = pairs.reshape(n_out // TWO_TILES, 2, TILE, n_in // TWO_TILES, TILE)
    return tiles.transpose(0, 3, 1, 4, 2), np.ones(n_out, np.float32)


def _as_bf16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper halves of float32, rounded to the nearest, of two to the even one."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    upper = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), upper)


def _rounded(
    matrix: NDArray[np.float32], n_rows: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Bytes of 128 more than the weights' levels, and the rows' scales; filled up to `n_rows`."""
    scales = np.zeros(n_rows, np.float32)
    scales[: len(matrix)] = np.maximum(np.abs(matrix).max(axis=1), 1e-8) / 127
    levels = np.full((n_rows, matrix.shape[1]), 128, np.uint8)
    with np.errstate(invalid="ignore"):  # what is no number makes its scale, and its output, none
        levels[: len(matrix)] = np.rint(matrix / scales[: len(matrix), None]) + 128
    return levels, scales
