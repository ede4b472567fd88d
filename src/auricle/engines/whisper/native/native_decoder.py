"""The decoder by a compiled library: no graph between its sums.

What it computes is what the graph does with int8 weights and windows; a text's own keys
and values are float16. All products are sums of integers or of one row alone, in one order, so a
row has the same logits, to the last bit, whoever else is in the step.
"""

from ctypes import byref, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.decoder_step import Logits, NewTokens
from auricle.engines.whisper.graphs.paged_attention import PAGE_SIZE
from auricle.engines.whisper.native.library import (
    MOST_POSITIONS,
    Batch,
    Native,
    Window,
    library,
)
from auricle.engines.whisper.native.memory import AlignedMemory
from auricle.engines.whisper.native.packing import Packing
from auricle.engines.whisper.weights import WhisperWeights
from auricle.engines.whisper.window_places import PARTS, CrossState, WindowPlaces
from auricle.errors import EngineFailed


class NativeDecoder:
    """See `DecoderStep`."""

    def __init__(
        self, weights: WhisperWeights, native: Native, places: WindowPlaces, n_pages: int
    ) -> None:
        """Pack the weights and set memory aside for pages: it is touched when it is used.

        Raises:
            WeightsError: the checkpoint is incomplete.
            EngineFailed: the library is not there, or windows may be longer than it can take.
        """
        compiled, dims = library(native), weights.dims
        if compiled is None or max(dims.n_audio, dims.n_text) > MOST_POSITIONS:
            msg = f"the compiled decoder is missing, or cannot take a window of {dims.n_audio}"
            raise EngineFailed(msg)
        self._step = compiled.auricle_decoder_step
        self._n_bytes = compiled.auricle_decoder_room
        self._packing = Packing(weights, native)
        self._decoder = self._packing.decoder()
        self._dims, self._places = dims, places
        n_arrays = dims.n_decoder_layers * len(PARTS)
        shape = (n_pages, PAGE_SIZE, dims.d_model)
        self.caches: list[NDArray[Any]] = [np.empty(shape, np.float16) for _ in range(n_arrays)]
        self._caches = (c_void_p * n_arrays)(*(cache.ctypes.data for cache in self.caches))
        self._windows: dict[int, Window] = {}
        self._room = AlignedMemory(0)
        self._hidden = np.empty((0, dims.d_model), np.float32)
        self._logits = np.empty((0, self._decoder.projection.n_out), np.float32)

    def show(self, state: CrossState) -> None:
        """See `DecoderStep`."""
        n_layers = self._dims.n_decoder_layers
        addresses = self._places.addresses(state)
        where = [
            (c_void_p * n_layers)(*addresses[part :: len(PARTS)]) for part in range(len(PARTS))
        ]
        scales = self._places.scales[state.place].ctypes.data
        self._windows[state.place] = Window(*where, scales, state.n_positions, 0)

    def run(self, new: NewTokens) -> Logits:
        """See `DecoderStep`."""
        n_tokens, n_wanted = len(new.embedded), len(new.wanted)
        self._make_room(n_tokens)
        self._hidden[:n_tokens] = new.embedded
        if n_wanted > len(self._logits):
            self._logits = np.empty((n_wanted, self._logits.shape[1]), np.float32)
        ends = np.cumsum(new.lengths)
        first_page = np.cumsum([0, *map(len, new.pages[:-1])])
        positions = np.repeat(new.past - ends + new.lengths, new.lengths) + np.arange(n_tokens)
        given = [
            np.ascontiguousarray(values, np.int32)
            for values in (
                positions,
                np.concatenate(new.pages),
                np.repeat(first_page, new.lengths),
                new.wanted,
            )
        ]
        windows = self._looked_at(np.repeat(new.places, new.lengths))
        addresses = (values.ctypes.data for values in given)
        batch = Batch(n_tokens, len(windows), n_wanted, windows, *addresses, self._caches)
        hidden, logits = self._hidden.ctypes.data, self._logits.ctypes.data
        self._step(byref(self._decoder), byref(batch), hidden, self._room.address, logits)
        return self._logits[:n_wanted, : self._dims.n_vocab]

    def _looked_at(self, places: NDArray[np.int64]) -> Any:
        """The windows of tokens that are in the order of their places."""
        places, counts = np.unique(places, return_counts=True)
        windows = [self._windows[place] for place in places.tolist()]
        for window, count in zip(windows, counts.tolist(), strict=True):
            window.n_tokens = count
        return (Window * len(windows))(*windows)

    def _make_room(self, n_tokens: int) -> None:
        """What a step works in, as large as the largest so far."""
        if n_tokens > len(self._hidden):
            self._hidden = np.empty((n_tokens, self._dims.d_model), np.float32)
            self._room = AlignedMemory(self._n_bytes(byref(self._decoder), n_tokens))
