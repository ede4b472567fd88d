"""What the kernel asks of an encoder: the runtime's graphs, or the library's layers in C."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.window_places import CrossState


class Encoder(Protocol):
    """An encoder in stages, between which other work may be done. Owner: a kernel."""

    n_stages: int

    def run(self, stage: int, given: NDArray[np.float32]) -> NDArray[np.float32]:
        """A stage before the last.

        Args:
            stage: counted from 0.
            given: float32 (1, n_mels, n_frames) for the first, else what the one before gave,
                which may be overwritten.

        Raises:
            EngineFailed: it failed.
        """
        ...

    def finish(self, given: NDArray[np.float32], state: CrossState) -> None:
        """The last stage, into the window's place.

        Raises:
            EngineFailed: it failed, or gave values that are no numbers.
        """
        ...
