"""When each token was heard: cross-attention of the alignment heads, warped by DTW.

As in openai/whisper `timing.py`.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.graphs.alignment import build_alignment
from auricle.engines.whisper.graphs.compiling import CompiledGraph, GraphOptions
from auricle.engines.whisper.kernel import Kernel
from auricle.engines.whisper.tokenizer import TIMESTAMP_STEP_S
from auricle.engines.whisper.weights import WhisperWeights
from auricle.engines.whisper.window_places import CrossState

MEDIAN_WIDTH = 7
"""Positions of the filter that smooths the attention along time."""

_MASKED = -1e9


class Aligner:
    """Token times of one kernel's windows. The graph is compiled when it is first needed."""

    def __init__(
        self,
        weights: WhisperWeights,
        options: GraphOptions,
        kernel: Kernel,
        heads: Sequence[tuple[int, int]],
    ) -> None:
        self._weights = weights
        self._options = options
        self._kernel = kernel
        self._heads = heads

    @cached_property
    def _graph(self) -> CompiledGraph:
        model = build_alignment(
            self._weights,
            self._heads,
            int8=self._options.int8_decoder,
            cross_type=self._options.cross_type,
        )
        return CompiledGraph(model, self._options.alignment_properties())

    def token_edges(
        self, state: CrossState, prompt: Sequence[int], text: Sequence[int], duration_s: float
    ) -> NDArray[np.float64]:
        """When each text token starts and, last, when the final one ends.

        Args:
            state: the encoded window.
            prompt: the tokens before the text, without timestamps.
            text: n tokens, no timestamps among them.
            duration_s: length of the speech; no time lies behind it.

        Returns:
            Seconds into the window, ascending, shape (n + 1,).
        """
        n_positions = round(duration_s / TIMESTAMP_STEP_S)
        n_positions = max(1, min(state.n_positions, n_positions))
        scores = self._scores(state, [*prompt, *text])[:, :, :n_positions]
        # The row of the prompt's last token says where the first text token is, and so on.
        rows = _attention_matrix(scores)[len(prompt) - 1 :]
        starts = _first_positions(rows) * TIMESTAMP_STEP_S
        edges: NDArray[np.float64] = np.minimum(starts, duration_s)
        return edges

    def _scores(self, state: CrossState, tokens: Sequence[int]) -> NDArray[np.float32]:
        n_tokens = len(tokens)
        graph = self._graph
        graph.set("embedded", self._kernel.embed(tokens, np.arange(n_tokens)))
        graph.set("mask", np.triu(np.full((n_tokens, n_tokens), _MASKED, np.float32), 1))
        for i in range(1 + max(layer for layer, _ in self._heads)):
            keys, values = self._kernel.cross_attention(state, i)
            graph.bind(f"keys_{i}", keys)
            graph.bind(f"values_{i}", values)
        if self._options.int8_windows:
            graph.set("scales", self._kernel.scales(state))
        graph.run()
        scores = graph.output("scores").copy()
        graph.give_back()
        return scores


def _attention_matrix(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """(heads, tokens, positions) -> (tokens, positions): normalised, averaged, smoothed.

    openai/whisper smooths each head: eight times the work for the same path within two positions.
    """
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    spread = weights.std(axis=1, keepdims=True)
    weights = (weights - weights.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-8)
    matrix: NDArray[np.float32] = weights.mean(axis=0)
    if matrix.shape[1] > MEDIAN_WIDTH:
        half = MEDIAN_WIDTH // 2
        padded = np.pad(matrix, ((0, 0), (half, half)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, MEDIAN_WIDTH, axis=1)
        matrix = np.median(windows, axis=2)
    return matrix


def _first_positions(matrix: NDArray[np.float32]) -> NDArray[np.int64]:
    """The first position of each row on the cheapest monotonic path from corner to corner."""
    rows, columns = warp(-matrix.astype(np.float64))
    _, first = np.unique(rows, return_index=True)
    return columns[first]


def warp(cost: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Dynamic time warping: the path of least cost from (0, 0) to the last cell.

    A step goes to the next row, the next column, or both. Cells are computed by
    anti-diagonals, each of which needs only the two before it.

    Args:
        cost: of each cell, shape (n, m).

    Returns:
        Rows and columns of the path's cells.
    """
    n_rows, n_columns = cost.shape
    total = np.full((n_rows + 1, n_columns + 1), np.inf)
    total[0, 0] = 0
    trace = np.zeros((n_rows + 1, n_columns + 1), np.int8)
    for diagonal in range(2, n_rows + n_columns + 1):
        i = np.arange(max(1, diagonal - n_columns), min(n_rows, diagonal - 1) + 1)
        j = diagonal - i
        before = np.stack([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]])
        best = before.argmin(axis=0)
        total[i, j] = cost[i - 1, j - 1] + np.take_along_axis(before, best[None], 0)[0]
        trace[i, j] = best
    return _path(trace, n_rows, n_columns)


def _path(
    trace: NDArray[np.int8], row: int, column: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    cells = []
    while row > 0 and column > 0:
        cells.append((row - 1, column - 1))
        step = trace[row, column]
        row -= step != 2
        column -= step != 1
    cells.reverse()
    path = np.array(cells, np.int64)
    return path[:, 0], path[:, 1]
