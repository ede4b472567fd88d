"""Where the encoded windows of one kernel lie: keys and values of every cross-attention.

Each place has memory for the longest window, set aside once; a window lies at its beginning in
one piece, so that what short windows do not need is never touched. The encoder writes into it and
the decoder reads from it, nothing is copied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from auricle.engines.whisper.weights import HEAD_SIZE, WhisperDims
from auricle.errors import EngineFailed

PARTS = ("keys", "values")

_KINDS = {ov.Type.f32: np.float32, ov.Type.i8: np.int8}


@dataclass(slots=True, eq=False)
class CrossState:
    """An encoded window and the place it lies in.

    The place is free again with the last holder: the caller's own hold ends with
    `Kernel.release`. `is_shown` says whether the decoder knows where it lies.
    """

    place: int
    n_positions: int
    holders: int = 1
    is_shown: bool = False


class WindowPlaces:
    """A fixed number of places for windows. Owner: a kernel."""

    def __init__(self, n_places: int, dims: WhisperDims, cross_type: ov.Type) -> None:
        """Set the memory aside; `cross_type` is f32 or i8."""
        self._dims = dims
        self._type = cross_type
        kind = _KINDS[cross_type]
        n_values = dims.n_audio * dims.d_model
        n_arrays = dims.n_decoder_layers * len(PARTS)
        self._memory = [np.empty(n_arrays * n_values, kind) for _ in range(n_places)]
        self.scales: NDArray[np.float32] = np.ones((n_places, n_arrays, dims.d_model), np.float32)
        """Of windows of bytes: of each place, layer, part and channel."""
        self._nothing = np.zeros(dims.d_model, kind)
        self._free = list(range(n_places))

    @property
    def n_places(self) -> int:
        """All places."""
        return len(self._memory)

    @property
    def n_free(self) -> int:
        """Places without a window."""
        return len(self._free)

    def take(self, n_positions: int) -> CrossState:
        """A free place for a window of that length.

        Raises:
            EngineFailed: all are taken; the caller kept more windows than it may.
        """
        if not self._free:
            msg = f"bug: a place for a window wanted, all {len(self._memory)} are taken"
            raise EngineFailed(msg)
        self._free.sort()
        return CrossState(self._free.pop(0), n_positions)

    def copy(self, state: CrossState, first: int, n_positions: int) -> CrossState:
        """A stretch of a window as a window of its own, in another place."""
        assert first >= 0
        assert n_positions > 0
        assert first + n_positions <= state.n_positions
        part = self.take(n_positions)
        shape = (self._dims.n_heads, -1, HEAD_SIZE)
        for layer in range(self._dims.n_decoder_layers):
            for kind in range(len(PARTS)):
                whole = self._values(state.place, layer, kind, state.n_positions).reshape(shape)
                values = self._values(part.place, layer, kind, n_positions).reshape(shape)
                values[:] = whole[:, first : first + n_positions]
        self.scales[part.place] = self.scales[state.place]
        return part

    def release(self, state: CrossState) -> None:
        """Let go of a window."""
        state.holders -= 1
        assert state.holders >= 0
        if not state.holders:
            self._free.append(state.place)

    def tensor(self, state: CrossState, layer: int, part: int) -> ov.Tensor:
        """The memory of a layer's keys (part 0) or values (1), (n_heads, n, HEAD_SIZE)."""
        n_positions = state.n_positions
        return self._tensor(self._values(state.place, layer, part, n_positions), n_positions)

    def tensors(self, state: CrossState) -> list[ov.Tensor]:
        """All keys and values of a window, by layer and in the order of PARTS."""
        return [self._tensor(values, state.n_positions) for values in self._all_values(state)]

    def addresses(self, state: CrossState) -> list[int]:
        """Where all keys and values of a window lie, in the same order."""
        return [values.ctypes.data for values in self._all_values(state)]

    def no_tensor(self) -> ov.Tensor:
        """Zeros at one position, for places that have no window yet."""
        return self._tensor(self._nothing, 1)

    def _all_values(self, state: CrossState) -> Iterator[NDArray[Any]]:
        for layer in range(self._dims.n_decoder_layers):
            for part in range(len(PARTS)):
                yield self._values(state.place, layer, part, state.n_positions)

    def _values(self, place: int, layer: int, part: int, n_positions: int) -> NDArray[Any]:
        n_values = n_positions * self._dims.d_model
        first = (layer * len(PARTS) + part) * n_values
        return self._memory[place][first : first + n_values]

    def _tensor(self, values: NDArray[Any], n_positions: int) -> ov.Tensor:
        shape = [self._dims.n_heads, n_positions, HEAD_SIZE]
        return ov.Tensor(values, ov.Shape(shape), self._type)
