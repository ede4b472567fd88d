from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from auricle.engines.whisper.alignment import Aligner, warp
from auricle.engines.whisper.graphs.compiling import BYTE_LIMIT, SAFE_BYTE_LIMIT, GraphOptions
from auricle.engines.whisper.kernel import Kernel
from auricle.engines.whisper.weights import WhisperWeights
from whisper import reference


def naive_warp(cost: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    """The cost of the cheapest path, by the definition."""
    total = np.full(cost.shape, np.inf)
    for i, j in np.ndindex(*cost.shape):
        before = [total[i - 1, j - 1]] if i and j else []
        before += [total[i - 1, j]] if i else []
        before += [total[i, j - 1]] if j else []
        total[i, j] = cost[i, j] + (min(before) if before else 0)
    return float(total[-1, -1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (5, 5), (12, 40), (40, 12)])
def test_path_is_monotonic_and_costs_the_least(shape: tuple[int, int]) -> None:
    cost = np.random.default_rng(sum(shape)).normal(size=shape)
    rows, columns = warp(cost)
    assert (rows[0], columns[0]) == (0, 0)
    assert (rows[-1] + 1, columns[-1] + 1) == shape
    steps = set(zip(np.diff(rows).tolist(), np.diff(columns).tolist(), strict=True))
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    assert cost[rows, columns].sum() == pytest.approx(naive_warp(cost))


def test_path_follows_a_drawn_line() -> None:
    cost = np.ones((4, 12))
    for row in range(4):
        cost[row, 3 * row : 3 * row + 3] = -1
    rows, columns = warp(cost)
    assert columns[np.unique(rows, return_index=True)[1]].tolist() == [0, 3, 6, 9]


EXACT = GraphOptions.exact()
ROUNDING = {
    EXACT: 1e-4,
    replace(EXACT, int8_windows=True, window_limit=BYTE_LIMIT): 2e-2,
    replace(EXACT, int8_windows=True, window_limit=SAFE_BYTE_LIMIT): 5e-2,
}
"""Of the attention that is heard; here bytes are multiplied in float32, so none overflows."""


@pytest.fixture(params=ROUNDING, ids=["float32", "int8 windows", "int8 windows, safe"])
def aligner(
    request: pytest.FixtureRequest,
    tiny_weights: Callable[[str], WhisperWeights],
    tiny_kernel: Callable[[str, GraphOptions], Kernel],
) -> Aligner:
    heads = [(0, 1), (2, 0), (2, 2)]
    kernel = tiny_kernel("large-v3", request.param)
    return Aligner(tiny_weights("large-v3"), request.param, kernel, heads)


def test_scores_are_the_reference_attention_of_the_chosen_heads(
    aligner: Aligner, tiny_weights: Callable[[str], WhisperWeights]
) -> None:
    weights = tiny_weights("large-v3")
    mel = np.random.default_rng(1).normal(size=(128, 140)).astype(np.float32)
    tokens = [4, 8, 15, 16, 23, 42]
    _, maps = reference.decode(weights, reference.encode(weights, mel), tokens)
    state = aligner._kernel.encode(mel)
    scores = aligner._scores(state, tokens)
    aligner._kernel.release(state)
    softmax = np.exp(scores - scores.max(-1, keepdims=True))
    softmax /= softmax.sum(-1, keepdims=True)
    for given, (layer, head) in zip(softmax, [(0, 1), (2, 0), (2, 2)], strict=True):
        np.testing.assert_allclose(given, maps[layer][head], atol=ROUNDING[aligner._options])


@pytest.mark.parametrize("duration_s", [0.05, 0.5, 1.4])
def test_edges_ascend_and_stay_in_the_speech(aligner: Aligner, duration_s: float) -> None:
    mel = np.random.default_rng(1).normal(size=(128, 140)).astype(np.float32)
    state = aligner._kernel.encode(mel)
    edges = aligner.token_edges(state, [1, 2], [5, 6, 7, 8], duration_s)
    aligner._kernel.release(state)
    assert edges.shape == (5,)
    assert (np.diff(edges) >= 0).all()
    assert edges[0] >= 0
    assert edges[-1] <= duration_s
