"""The self-check sees what really goes wrong: kernels whose answers depend on the batch."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from auricle.engines.whisper.decoder_step import Logits
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.kernel import Kernel, KernelLimits
from auricle.engines.whisper.self_check import self_check
from auricle.engines.whisper.weights import load_weights
from auricle.errors import EngineFailed

Kernels = Callable[[str, GraphOptions], Kernel]


class FaultyKernel:
    """A real kernel with one of the faults seen in real runtimes."""

    def __init__(self, kernel: Kernel, fault: Callable[[Logits, int], None]) -> None:
        self._kernel = kernel
        self._fault = fault

    def __getattr__(self, name: str) -> object:
        return getattr(self._kernel, name)

    def step(self, feed: Mapping[int, Sequence[int]]) -> Logits:
        logits = self._kernel.step(feed).copy()
        self._fault(logits, sum(map(len, feed.values())))
        return logits


def batch_rows_are_garbage(logits: Logits, n_tokens: int) -> None:
    logits[1:] = 0


def batch_rows_are_swapped(logits: Logits, n_tokens: int) -> None:
    logits[:] = logits[::-1].copy()


def everything_is_not_a_number(logits: Logits, n_tokens: int) -> None:
    logits[:] = np.nan


def prompts_are_rounded_otherwise(logits: Logits, n_tokens: int) -> None:
    if n_tokens == len(logits):
        logits += np.linspace(0, logits.std(), logits.shape[1], dtype=np.float32)


@pytest.mark.parametrize("name", ["multilingual", "english", "large-v3", "turbo"])
def test_right_kernel_passes_and_holds_nothing_afterwards(name: str, tiny_kernel: Kernels) -> None:
    kernel = tiny_kernel(name, GraphOptions.exact())
    free = kernel.free_places()
    self_check(kernel)
    assert kernel.free_places() == free


@pytest.mark.parametrize("options", [GraphOptions.exact(), GraphOptions.fastest()])
@pytest.mark.parametrize(
    "fault",
    [
        batch_rows_are_garbage,
        batch_rows_are_swapped,
        everything_is_not_a_number,
        prompts_are_rounded_otherwise,
    ],
)
def test_wrong_kernel_is_refused(
    fault: Callable[[Logits, int], None], options: GraphOptions, tiny_kernel: Kernels
) -> None:
    kernel = tiny_kernel("multilingual", options)
    free = kernel.free_places()
    with pytest.raises(EngineFailed, match="self-check"):
        self_check(FaultyKernel(kernel, fault))  # type: ignore[arg-type]
    assert kernel.free_places() == free


def test_the_default_engine_is_the_default_on_this_processor(whisper_base: Path) -> None:
    """No silent fallback: with real weights, what computes fastest here passes."""
    kernel = Kernel(load_weights(whisper_base), GraphOptions.fastest(), KernelLimits(2, 4, 64))
    self_check(kernel)
