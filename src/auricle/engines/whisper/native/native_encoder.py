"""The encoder by a compiled library: linear layers and attention over bytes, words or by tiles.

Only the convolutions are the runtime's. Over bytes, inputs are rounded in groups as in the decoder,
attention's queries, keys and shares as well, each position's in groups of its own, so they keep
their precision where they are small. It is as far from float32 as a graph in bfloat16. Words do the
same with inputs of 13 bits and weights of 12, and are next to float32. By tiles (AMX) what is
multiplied is bfloat16, and sums are float32. All take a good part less time than graphs
(`docs/benchmarks.md`).
"""

from ctypes import byref, c_void_p

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.graphs.cache import GraphCache
from auricle.engines.whisper.graphs.checkpoint import compiled_convolutions
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.graphs.encoder import n_stages, stage_layers
from auricle.engines.whisper.native.library import MOST_POSITIONS, Native, library
from auricle.engines.whisper.native.memory import AlignedMemory
from auricle.engines.whisper.native.packing import Packing
from auricle.engines.whisper.weights import WhisperWeights
from auricle.engines.whisper.window_places import PARTS, CrossState, WindowPlaces
from auricle.errors import EngineFailed


class NativeEncoder:
    """See `Encoder`."""

    def __init__(
        self,
        weights: WhisperWeights,
        native: Native,
        options: GraphOptions,
        graphs: GraphCache,
        places: WindowPlaces,
    ) -> None:
        """Pack the weights and compile the convolutions.

        Raises:
            WeightsError: the checkpoint is incomplete.
            EngineFailed: the library is not there, or this processor cannot run the graph.
        """
        compiled = library(native)
        if compiled is None or weights.dims.n_audio > MOST_POSITIONS:
            msg = (
                f"the compiled encoder is missing, or cannot take {weights.dims.n_audio} positions"
            )
            raise EngineFailed(msg)
        self._layers = compiled.auricle_encoder_layers
        self._windows = compiled.auricle_encoder_windows
        self._dims, self._places = weights.dims, places
        self._limit, self._n_threads = options.window_limit, options.n_encoder_threads
        self._convolutions = compiled_convolutions(weights, options, graphs)
        self._packing = Packing(weights, native)
        self._encoder = self._packing.encoder()
        self.n_stages = n_stages(weights.dims)
        n_bytes = compiled.auricle_encoder_room(
            byref(self._encoder), weights.dims.n_audio, self._n_threads
        )
        self._room = AlignedMemory(n_bytes)

    def run(self, stage: int, given: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Encoder`."""
        hidden = given if stage else self._convolved(given)
        first, last = stage_layers(self._dims, stage)
        self._layers(
            *(byref(self._encoder), first, last, hidden.ctypes.data, len(hidden)),
            *(self._room.address, self._n_threads),
        )
        return hidden

    def finish(self, given: NDArray[np.float32], state: CrossState) -> None:
        """See `Encoder`."""
        hidden = self.run(self.n_stages - 1, given)
        n_layers = self._dims.n_decoder_layers
        windows = (c_void_p * (len(PARTS) * n_layers))(*self._places.addresses(state))
        scales = self._places.scales[state.place]
        self._windows(
            *(byref(self._encoder), n_layers, hidden.ctypes.data, len(hidden), self._limit),
            *(windows, scales.ctypes.data, self._room.address, self._n_threads),
        )
        with np.errstate(invalid="ignore"):  # of infinities
            is_finite = np.isfinite(hidden.sum() + scales.sum())
        if not is_finite:
            msg = "the encoder gave values that are no numbers"
            raise EngineFailed(msg)

    def _convolved(self, log_mel: NDArray[np.float32]) -> NDArray[np.float32]:
        self._convolutions.set("log_mel", log_mel)
        self._convolutions.run()
        hidden: NDArray[np.float32] = self._convolutions.output("hidden")[0].copy()
        self._convolutions.give_back()
        return hidden
