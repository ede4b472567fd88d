"""What the kernel asks of a decoder: the runtime's graph, or the library's step in C."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.window_places import CrossState

Logits = NDArray[np.float32]
"""Raw scores, shape (n_rows, n_vocab)."""


@dataclass(frozen=True, slots=True)
class NewTokens:
    """The next tokens of n rows, t in all, in the order of the places of their windows.

    `embedded` is token plus position, (t, d_model). Of each row: `places` its window's, `past`
    how many tokens it has, `lengths` how many it is given, `pages` those of all of them. `wanted`
    are the tokens whose logits are wanted.
    """

    embedded: NDArray[np.float32]
    places: NDArray[np.int64]
    past: NDArray[np.int64]
    lengths: NDArray[np.int64]
    pages: list[list[int]]
    wanted: NDArray[np.int64]


class DecoderStep(Protocol):
    """A decoder with the pages of its rows. Owner: a kernel."""

    caches: list[NDArray[Any]]
    """Pages of every layer's own keys and values, the first axis is the page."""

    def show(self, state: CrossState) -> None:
        """Tell it where an encoded window lies, before rows join that look at it."""
        ...

    def run(self, new: NewTokens) -> Logits:
        """The logits of each wanted token, in their order; a view that the next step overwrites.

        Raises:
            EngineFailed: it failed.
        """
        ...
