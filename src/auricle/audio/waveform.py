"""The one form of audio behind this room: mono float32 at 16 kHz."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Hz."""

Waveform = NDArray[np.float32]
"""Mono samples, shape (n_samples,), -1 to 1, at SAMPLE_RATE."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a recording in samples at SAMPLE_RATE; `end` is the first sample behind it."""

    start: int
    end: int

    @property
    def n_samples(self) -> int:
        """Length."""
        return self.end - self.start

    @property
    def middle(self) -> int:
        """Halfway between its edges."""
        return (self.start + self.end) // 2
