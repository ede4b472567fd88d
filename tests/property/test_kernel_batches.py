"""Batched = alone: whatever joins and leaves around a row, its logits stay what they are."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.kernel import Kernel, KernelLimits
from auricle.engines.whisper.weights import load_weights
from auricle.engines.whisper.window_places import CrossState
from whisper.checkpoints import SHAPES, neutral_arrays, write_ctranslate2

MELS = np.random.default_rng(5).normal(size=(4, 80, 192)).astype(np.float32)
LENGTHS = (192, 34, 100, 128)
MAX_STEPS = 45


@cache
def kernel_of(exact: bool) -> Kernel:
    options = GraphOptions.exact() if exact else GraphOptions.fastest()
    with tempfile.TemporaryDirectory() as folder:
        weights = load_weights(
            write_ctranslate2(Path(folder), neutral_arrays(SHAPES["multilingual"]))
        )
        return Kernel(weights, options, KernelLimits(n_windows=12, n_rows=12, max_tokens=80))


@cache
def states_of(exact: bool) -> tuple[CrossState, ...]:
    kernel = kernel_of(exact)
    return tuple(kernel.encode(mel[:, :length]) for mel, length in zip(MELS, LENGTHS, strict=True))


@cache
def alone(exact: bool, window: int, prompt: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Logits of a greedy row without company."""
    kernel = kernel_of(exact)
    row = kernel.join(states_of(exact)[window])
    logits = [kernel.step({row: prompt})[0].copy()]
    while len(logits) < MAX_STEPS - len(prompt):
        logits.append(kernel.step({row: [int(logits[-1].argmax())]})[0].copy())
    kernel.leave(row)
    return logits


class Plan:
    """A row's part of a plan: when it joins, its prompt and how many steps it stays."""

    def __init__(self, at: int, window: int, prompt: tuple[int, ...], n_steps: int) -> None:
        self.at, self.window, self.prompt, self.n_steps = at, window, prompt, n_steps

    def __repr__(self) -> str:
        return f"Plan(at={self.at}, {self.window=}, {self.prompt=}, {self.n_steps=})"


plans = st.lists(
    st.builds(
        Plan,
        at=st.integers(0, 30),
        window=st.integers(0, 3),
        prompt=st.sampled_from([(1,), (1, 2, 3, 4), tuple(range(36))]),
        n_steps=st.integers(1, 9),
    ),
    min_size=2,
    max_size=12,
)


def play(
    plan: list[Plan], exact: bool, check: Callable[[Plan, list[NDArray[np.float32]]], None]
) -> None:
    kernel, states = kernel_of(exact), states_of(exact)
    waiting = sorted(plan, key=lambda part: part.at)
    rows: dict[int, tuple[Plan, list[NDArray[np.float32]]]] = {}
    step = 0
    while waiting or rows:
        while waiting and (waiting[0].at <= step or not rows):
            part = waiting.pop(0)
            rows[kernel.join(states[part.window])] = part, []
        feed = {
            row: [int(given[-1].argmax())] if given else part.prompt
            for row, (part, given) in rows.items()
        }
        for row, logits in zip(list(feed), kernel.step(feed).copy(), strict=True):
            part, given = rows[row]
            given.append(logits)
            if len(given) == part.n_steps:
                kernel.leave(row)
                del rows[row]
                check(part, given)
        step += 1


@settings(max_examples=40, deadline=None)
@given(plans)
def test_float32_rows_have_the_logits_they_have_alone(plan: list[Plan]) -> None:
    def check(part: Plan, given: list[NDArray[np.float32]]) -> None:
        expected = alone(True, part.window, part.prompt)[: part.n_steps]
        assert [x.argmax() for x in given] == [x.argmax() for x in expected]
        # Matrix products sum in another order for another number of rows; logits reach 60.
        np.testing.assert_allclose(given, expected, atol=2e-3)

    play(plan, exact=True, check=check)


@settings(max_examples=15, deadline=None)
@given(plans)
def test_quantized_rows_have_the_logits_they_have_alone_up_to_rounding(plan: list[Plan]) -> None:
    def check(part: Plan, given: list[NDArray[np.float32]]) -> None:
        expected = alone(False, part.window, part.prompt)[: part.n_steps]
        for ours, other in zip(given, expected, strict=True):
            # Equal to the bit where this was written. On another processor a sum near an edge of
            # the 8-bit cache may fall on its other side, and then a tie to another token.
            assert np.abs(ours - other).max() < 0.05 * other.std()
            if ours.argmax() != other.argmax():
                break

    play(plan, exact=False, check=check)
