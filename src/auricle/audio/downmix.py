"""Several channels into one, without losing speech.

The rule. The waveform is the sum of the channels, each with a sign, times one gain:

- the sign of a channel is turned when it is the mirror image of the loudest one (correlation
  below -0.6), and turned back when it no longer is (above 0), so mirrored channels add up
  instead of cancelling;
- the gain is one over the effective number of channels, (sum of levels)^2 / sum of levels^2:
  2 for two equal channels (the plain mean), 1 when all but one are empty.

Levels and correlations are averages over the last seconds, measured in steps of a quarter
second *before* a step is mixed, so the first word is mixed right; signs and gain move in a
straight line over 50 ms, so there are no clicks. A channel that was silent so far is not
muted: what it says is heard at once.
"""

import numpy as np
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE, Waveform

Channels = NDArray[np.float32]
"""Shape (n_samples, n_channels), -1 to 1, at SAMPLE_RATE."""

STEP = SAMPLE_RATE // 4  # samples
RAMP = SAMPLE_RATE // 20  # samples
MEMORY = 1 - STEP / SAMPLE_RATE / 10  # weight of the past each step: averages over about 10 s
MIRRORED = -0.6
NOT_MIRRORED = 0.0
EMPTY = 1e-10  # mean square, -100 dBFS

LEVEL_LENGTH = SAMPLE_RATE // 100  # samples
LEVELS_PER_DB = 2
Levels = NDArray[np.uint8]
"""How loud two channels are, shape (n, 2), a row for each LEVEL_LENGTH samples: half decibels
below full scale, so 0 is the loudest and 255 is silence."""


class Downmixer:
    """Mixes a stream of blocks; its output does not depend on how the stream is cut."""

    def __init__(self, n_channels: int) -> None:
        self._pending = np.zeros((0, n_channels), np.float32)
        self._products = np.zeros((n_channels, n_channels))  # mean of x_i * x_j, forgetting
        self._signs = np.ones(n_channels)
        self._weights: NDArray[np.float64] | None = None  # what the last step ended with
        self._levels: list[Levels] = []

    @property
    def levels(self) -> Levels | None:
        """How loud each channel was so far; None if they are not two."""
        if len(self._signs) != 2:
            return None
        levels: Levels = np.concatenate([np.zeros((0, 2), np.uint8), *self._levels])
        return levels

    def feed(self, block: Channels) -> Waveform:
        """Mix what is complete; up to a step is kept back."""
        pending = np.concatenate([self._pending, block]) if len(self._pending) else block
        n_whole = len(pending) // STEP * STEP
        self._pending = pending[n_whole:].copy()
        steps = [self._mix(pending[i : i + STEP]) for i in range(0, n_whole, STEP)]
        return np.concatenate(steps) if steps else np.zeros(0, np.float32)

    def finish(self) -> Waveform:
        """Mix what was kept back."""
        pending, self._pending = self._pending, self._pending[:0]
        return self._mix(pending) if len(pending) else np.zeros(0, np.float32)

    def _mix(self, step: Channels) -> Waveform:
        target = self._measure(step)
        if len(self._signs) == 2:
            self._levels.append(_levels(step))
        mixed = step @ target.astype(np.float32)
        if self._weights is not None and not np.array_equal(self._weights, target):
            n_ramp = min(RAMP, len(step))
            share = (np.arange(1, n_ramp + 1) / RAMP)[:, None]
            ramp = self._weights + share * (target - self._weights)
            mixed[:n_ramp] = np.einsum("nc,nc->n", step[:n_ramp], ramp)
        self._weights = target if self._has_sound else None  # nothing to ramp from in silence
        return mixed

    @property
    def _has_sound(self) -> bool:
        return bool(self._products.diagonal().max() > EMPTY * (1 - MEMORY))

    def _measure(self, step: Channels) -> NDArray[np.float64]:
        """Update the averages with a step; returns the weight of each channel."""
        products = (step.T @ step).astype(np.float64) / STEP
        self._products = MEMORY * self._products + (1 - MEMORY) * products
        if not self._has_sound:
            return self._signs / len(self._signs)
        energy = self._products.diagonal()
        self._turn_signs(energy)
        n_effective = np.sqrt(energy).sum() ** 2 / energy.sum()
        weights: NDArray[np.float64] = self._signs / n_effective
        return weights

    def _turn_signs(self, energy: NDArray[np.float64]) -> None:
        loudest = int(energy.argmax())
        scale = np.sqrt(energy * energy[loudest]) + np.finfo(float).tiny
        correlation = self._products[loudest] / scale
        relation = self._signs * self._signs[loudest]
        relation[correlation < MIRRORED] = -1
        relation[correlation > NOT_MIRRORED] = 1
        self._signs = relation * self._signs[loudest]


def _levels(step: Channels) -> Levels:
    n_rows = len(step) // LEVEL_LENGTH
    rows = step[: n_rows * LEVEL_LENGTH].reshape(n_rows, LEVEL_LENGTH, 2)
    power = np.einsum("ntc,ntc->nc", rows, rows) / LEVEL_LENGTH
    below = -10 * LEVELS_PER_DB * np.log10(np.maximum(power, np.float32(1e-20)))
    levels: Levels = np.clip(np.rint(below), 0, 255).astype(np.uint8)
    return levels
