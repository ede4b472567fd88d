"""The encoder by OpenVINO's graphs, one a stage."""

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.graphs.cache import GraphCache
from auricle.engines.whisper.graphs.checkpoint import compiled_stages
from auricle.engines.whisper.graphs.compiling import CompiledGraph, GraphOptions
from auricle.engines.whisper.weights import HEAD_SIZE, WhisperWeights
from auricle.engines.whisper.window_places import PARTS, CrossState, WindowPlaces
from auricle.errors import EngineFailed


class GraphEncoder:
    """See `Encoder`. What a stage worked in is given back: tens of megabytes."""

    def __init__(
        self,
        weights: WhisperWeights,
        options: GraphOptions,
        graphs: GraphCache,
        places: WindowPlaces,
    ) -> None:
        """Compile the graphs.

        Raises:
            WeightsError: the checkpoint is incomplete.
            EngineFailed: this processor cannot run them.
        """
        self._dims, self._places = weights.dims, places
        self._has_scales = options.int8_windows
        self._stages = compiled_stages(weights, options, graphs)
        self.n_stages = len(self._stages)

    def run(self, stage: int, given: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Encoder`."""
        graph = self._ready(stage, given)
        graph.run()
        hidden = graph.output("next_hidden").copy()
        graph.give_back()
        return hidden

    def finish(self, given: NDArray[np.float32], state: CrossState) -> None:
        """See `Encoder`."""
        graph = self._ready(self.n_stages - 1, given)
        names = [f"{name}_{i}" for i in range(self._dims.n_decoder_layers) for name in PARTS]
        for name, tensor in zip(names, self._places.tensors(state), strict=True):
            graph.bind(name, tensor)
        graph.run()
        if self._has_scales:
            self._places.scales[state.place] = graph.output("scales")
        are_numbers = bool(np.isfinite(graph.output("sum")))
        graph.give_back()
        expected = (self._dims.n_heads, state.n_positions, HEAD_SIZE)
        shape = graph.shape(names[-1])
        if shape != expected:
            msg = f"the encoder gave an output of shape {shape}, not {expected}"
            raise EngineFailed(msg)
        if not are_numbers:
            msg = "the encoder gave values that are no numbers"
            raise EngineFailed(msg)

    def _ready(self, stage: int, given: NDArray[np.float32]) -> CompiledGraph:
        graph = self._stages[stage]
        graph.set("hidden" if stage else "log_mel", given)
        return graph
