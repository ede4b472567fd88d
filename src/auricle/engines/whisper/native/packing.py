"""Weights as the libraries read them: whole numbers, or tiles, in the order that sums take them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.native.library import (
    Decoder,
    DecoderLayer,
    Encoder,
    EncoderLayer,
    Linear,
    Native,
    Norm,
)
from auricle.engines.whisper.weights import WhisperWeights

TILE, TWO_TILES = 16, 32
"""Outputs, and pairs of inputs, of a tile as in `linear_tiles.h`."""
ROWS_AT_ONCE = 4096
"""Rows that are rounded together: a vocabulary in float32 is 100 MB."""


@dataclass(frozen=True, slots=True)
class WholeNumbers:
    """How weights are rounded for `linear.h`.

    `limit` is the greatest level, `added` to each; `stripe` outputs are computed together, and one
    instruction takes `n_together` inputs; `level` is the type of one, `levels` of those together.
    """

    level: type[np.integer[Any]]
    limit: int
    added: int
    stripe: int
    n_together: int
    levels: type[np.unsignedinteger[Any]]


BYTES = WholeNumbers(np.uint8, 127, 128, 64, 4, np.uint32)
WORDS = WholeNumbers(np.int16, 2047, 0, 16, 2, np.uint32)
BYTES_FOR_WORDS = WholeNumbers(np.int8, 127, 0, 16, 2, np.uint16)
"""The decoder's, which are widened when they are read: it waits for memory."""


class Packing:
    """Structures of the library, and the arrays that they point to: keep both."""

    def __init__(self, weights: WhisperWeights, native: Native) -> None:
        """Nothing is packed yet; what is raises WeightsError where weights are missing."""
        self._weights, self._native = weights, native
        self._arrays: list[NDArray[Any]] = []

    def encoder(self) -> Encoder:
        """The encoder's layers, and the decoder's projections of what it gives."""
        dims = self._weights.dims
        n, n_windows = dims.n_encoder_layers, dims.n_decoder_layers
        kind = None if self._native is Native.TILES else self._kind(WORDS)
        layers = (EncoderLayer * n)(
            *(self._layer(EncoderLayer, f"encoder.{i}", kind) for i in range(n))
        )
        windows = (Linear * n_windows)(
            *(self._linear(f"decoder.{i}.cross.kv", kind) for i in range(n_windows))
        )
        return Encoder(dims.d_model, layers, self._norm("encoder.norm"), windows)

    def decoder(self) -> Decoder:
        """The decoder with its projection to the vocabulary."""
        dims, n = self._weights.dims, self._weights.dims.n_decoder_layers
        kind = self._kind(BYTES_FOR_WORDS)
        layers = (DecoderLayer * n)(
            *(self._layer(DecoderLayer, f"decoder.{i}", kind) for i in range(n))
        )
        projection = self._matrix(self._weights.array("decoder.embedding"), None, kind)
        return Decoder(dims.d_model, n, layers, self._norm("decoder.norm"), projection)

    def _kind(self, by_words: WholeNumbers) -> WholeNumbers:
        return BYTES if self._native is Native.BYTES else by_words

    def _layer(self, structure: type[Any], name: str, kind: WholeNumbers | None) -> Any:
        """Its parts have the names of the weights, with an underscore for the point."""
        norms = (self._norm(f"{name}.{_dotted(part)}") for part in structure.NORMS)
        linear = (self._linear(f"{name}.{_dotted(part)}", kind) for part in structure.LINEAR)
        return structure(*norms, *linear)

    def _norm(self, name: str) -> Norm:
        parts = ("weight", "bias")
        return Norm(*(self._kept(self._weights.array(f"{name}.{part}")) for part in parts))

    def _linear(self, name: str, kind: WholeNumbers | None) -> Linear:
        has_bias = f"{name}.bias" in self._weights
        bias = self._weights.array(f"{name}.bias") if has_bias else None
        return self._matrix(self._weights.array(f"{name}.weight"), bias, kind)

    def _matrix(
        self,
        matrix: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        kind: WholeNumbers | None,
    ) -> Linear:
        packed, scales = _in_levels(matrix, kind) if kind else _in_tiles(matrix)
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


def _in_levels(
    matrix: NDArray[np.float32], kind: WholeNumbers
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Weights for `linear.h`, and a scale for each output."""
    n_rows, n_in = matrix.shape
    n_out = -(-n_rows // kind.stripe) * kind.stripe
    scales = np.zeros(n_out, np.float32)
    packed = np.empty((n_out // kind.stripe, n_in // kind.n_together, kind.stripe), kind.levels)
    for first in range(0, n_out, ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, n_out)
        levels, scales[first:last] = _rounded(matrix[first:last], last - first, kind)
        together = levels.view(kind.levels).reshape(-1, kind.stripe, n_in // kind.n_together)
        packed[first // kind.stripe : last // kind.stripe] = together.swapaxes(1, 2)
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
    matrix: NDArray[np.float32], n_rows: int, kind: WholeNumbers
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The weights' levels, and the rows' scales; filled up to `n_rows`."""
    scales = np.zeros(n_rows, np.float32)
    scales[: len(matrix)] = np.maximum(np.abs(matrix).max(axis=1), 1e-8) / kind.limit
    levels = np.full((n_rows, matrix.shape[1]), kind.added, kind.level)
    with np.errstate(invalid="ignore"):  # what is no number makes its scale, and its output, none
        levels[: len(matrix)] = np.rint(matrix / scales[: len(matrix), None]) + kind.added
    return levels, scales
