"""Whether this processor computes the graphs rightly: run at every start.

Wrong kernels do exist: a processor's instructions, the runtime's version and the precision have
to fit, and where they do not, outputs are empty, not finite, or depend on the batch. This takes
a fraction of a second and catches all three.
"""

import numpy as np

from auricle.engines.whisper.decoder_step import Logits
from auricle.engines.whisper.kernel import Kernel
from auricle.engines.whisper.window_places import CrossState
from auricle.errors import EngineFailed

N_FRAMES = (200, 140)
SELF_CHECK_WINDOWS = len(N_FRAMES)
PROMPTS = ([1, 2, 3], [4], [5, 6, 7, 8, 9])
N_STEPS = 2
N_ALONE = 2
"""Texts of the batch that are also decoded alone: of several tokens and of one."""

MAX_BATCH_DIFFERENCE = 0.05
"""Of logits in a batch and alone, in units of their spread: rounding stays far below."""

MAX_STEP_DIFFERENCE = 0.6
"""Of a text fed at once and token by token. It is none with VNNI and with AVX2; a processor with
other kernels may round otherwise. What the cache forgot would change logits by several times
their spread."""


def self_check(kernel: Kernel) -> None:
    """Decode noise in a batch and alone.

    Raises:
        EngineFailed: values are not finite, shapes are wrong, rows differ from themselves alone,
            or the cache does not remember.
    """
    random = np.random.default_rng(0)
    states = [_encode_noise(kernel, random, n) for n in N_FRAMES]
    try:
        together = _decode(kernel, [(states[i % 2], prompt) for i, prompt in enumerate(PROMPTS)])
        for i, prompt in enumerate(PROMPTS[:N_ALONE]):
            alone = _decode(kernel, [(states[i % 2], prompt)])
            _compare(together[:, i], alone[:, 0], MAX_BATCH_DIFFERENCE, "in a batch")
        whole = _decode(
            kernel, [(states[0], [*PROMPTS[0], *_continuation(N_STEPS - 1)])], n_steps=1
        )
        _compare(together[-1, 0], whole[0, 0], MAX_STEP_DIFFERENCE, "token by token")
    finally:
        for state in states:
            kernel.release(state)


def try_out(kernel: Kernel) -> None:
    """Decode a little noise, where a check has been made before.

    Raises:
        EngineFailed: values are not finite, or nothing is computed at all.
    """
    state = _encode_noise(kernel, np.random.default_rng(0), min(N_FRAMES))
    try:
        _decode(kernel, [(state, PROMPTS[0])], n_steps=1)
    finally:
        kernel.release(state)


def _encode_noise(kernel: Kernel, random: np.random.Generator, n_frames: int) -> CrossState:
    shape = kernel.dims.n_mels, min(n_frames, 2 * kernel.dims.n_audio)
    return kernel.encode(random.normal(size=shape).astype(np.float32))


def _continuation(n_tokens: int) -> list[int]:
    return [10 + i for i in range(n_tokens)]


def _decode(
    kernel: Kernel, starts: list[tuple[CrossState, list[int]]], n_steps: int = N_STEPS
) -> Logits:
    """Logits of each step and row, shape (n_steps, n_rows, n_vocab)."""
    rows = [kernel.join(state) for state, _ in starts]
    try:
        feed = {row: prompt for row, (_, prompt) in zip(rows, starts, strict=True)}
        logits = [kernel.step(feed).copy()]
        following = _continuation(n_steps - 1)
        logits += [kernel.step({row: [token] for row in rows}).copy() for token in following]
        return np.stack(logits)
    finally:
        for row in rows:
            kernel.leave(row)


def _compare(given: Logits, expected: Logits, limit: float, how: str) -> None:
    difference = float(np.abs(given - expected).max() / expected.std())
    if not difference < limit:  # not a number is not less either
        msg = f"self-check: logits {how} differ by {difference:.3f} of their spread"
        raise EngineFailed(msg)
