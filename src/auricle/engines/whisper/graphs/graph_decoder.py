"""The decoder by OpenVINO's graph: a step's inputs as `build_decoder` wants them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.decoder_step import Logits, NewTokens
from auricle.engines.whisper.graphs.cache import GraphCache
from auricle.engines.whisper.graphs.checkpoint import compiled_decoder
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.weights import WhisperWeights
from auricle.engines.whisper.window_places import PARTS, CrossState, WindowPlaces


class GraphDecoder:
    """See `DecoderStep`."""

    def __init__(
        self,
        weights: WhisperWeights,
        options: GraphOptions,
        graphs: GraphCache,
        places: WindowPlaces,
        n_pages: int,
    ) -> None:
        """Compile the graph, bind it to places without windows, and set its pages aside.

        Raises:
            WeightsError: the checkpoint is incomplete.
            EngineFailed: this processor cannot run the graph.
        """
        self._dims, self._places = weights.dims, places
        self._options = options
        self._n_of_window = np.zeros(places.n_places, np.int32)
        self._graph = compiled_decoder(weights, options, graphs, places.n_places)
        for name in self._window_inputs(range(places.n_places)):
            self._graph.bind(name, places.no_tensor())
        self.caches: list[NDArray[Any]] = []
        for i in range(self._dims.n_decoder_layers):
            for part in PARTS:
                tensor = self._graph.allocate(f"self_{i}_{part}", n_pages)
                self._graph.bind(f"self_{i}_{part}", tensor)
                self.caches.append(tensor.data)

    def show(self, state: CrossState) -> None:
        """See `DecoderStep`."""
        tensors = self._places.tensors(state)
        for name, tensor in zip(self._window_inputs([state.place]), tensors, strict=True):
            self._graph.bind(name, tensor)

    def run(self, new: NewTokens) -> Logits:
        """See `DecoderStep`."""
        n_wanted = len(new.wanted)
        if self._options.pairs_lone_tokens and n_wanted == 1:
            new = _paired(new)
        self._graph.set("embedded", new.embedded)
        self._graph.set("wanted", new.wanted)
        self._set_lookers(np.repeat(new.places, new.lengths))
        for part, values in _page_table(new).items():
            self._graph.set(f"self_{part}", np.asarray(values, np.int32))
        self._graph.run()
        return self._graph.output("logits")[:n_wanted]

    def _window_inputs(self, places: Iterable[int]) -> list[str]:
        return [
            f"window_{place}_{name}_{layer}"
            for place in places
            for layer in range(self._dims.n_decoder_layers)
            for name in PARTS
        ]

    def _set_lookers(self, places: NDArray[np.int64]) -> None:
        """Which token looks at which place.

        A token that looks at its window alone is computed by other kernels than several that look
        at the same. In float32 it does so twice, to be the same whoever else looks, to the last
        bit: that bit may decide where an int8 input is rounded to.
        """
        n_of_window = np.bincount(places, minlength=len(self._n_of_window))
        if self._options.int8_windows:
            scales = self._places.scales[places].swapaxes(0, 1)
            self._graph.set("scales", scales.reshape(-1, self._dims.d_model))
        else:
            times = 1 + (n_of_window[places] == 1)
            n_of_window[n_of_window == 1] = 2
            self._graph.set("looking", np.repeat(np.arange(len(places)), times))
            self._graph.set("seen", np.cumsum(times) - times)
        self._n_of_window[:] = n_of_window
        self._graph.set("n_of_window", self._n_of_window)


def _page_table(new: NewTokens) -> Mapping[str, NDArray[Any] | Sequence[int]]:
    """See `PageTable`."""
    return {
        "past": new.past,
        "begins": [0, *np.cumsum(new.lengths)],
        "pages": np.concatenate(new.pages),
        "page_begins": np.cumsum([0, *map(len, new.pages)]),
        "longest": (new.past + new.lengths).max(),
    }


def _paired(new: NewTokens) -> NewTokens:
    """A lone token twice: a row of a matrix has the same result whoever else is in it.

    Both write the same to the row's pages.
    """
    if len(new.embedded) > 1:
        return replace(new, wanted=new.wanted.repeat(2))
    return NewTokens(
        embedded=new.embedded.repeat(2, axis=0),
        places=new.places.repeat(2),
        past=new.past.repeat(2),
        lengths=new.lengths.repeat(2),
        pages=2 * new.pages,
        wanted=np.arange(2),
    )
