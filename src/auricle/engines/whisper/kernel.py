"""Whisper's mathematics for many windows at once: no policy, no text, no threads.

    state = kernel.encode(log_mel)
    row = kernel.join(state)
    logits = kernel.step({row: prompt})      # (1, n_vocab), of the last token of each row
    logits = kernel.step({row: [token], other: [its_token]})
    kernel.leave(row)

Rows join and leave at any step and share nothing but the weights: a row's logits are those it
would have alone (`self_check`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from auricle.audio.log_mel import LogMel
from auricle.engines.whisper.graphs.cache import GraphCache
from auricle.engines.whisper.graphs.compiling import CacheType, CompiledGraph, GraphOptions
from auricle.engines.whisper.graphs.decoder import build_decoder
from auricle.engines.whisper.graphs.encoder import build_encoder
from auricle.engines.whisper.graphs.paged_attention import PAGE_SIZE, SCALE_BYTES
from auricle.engines.whisper.page_layout import (
    bits_of,
    from_pages,
    n_pages_of,
    same_bits,
    to_pages,
)
from auricle.engines.whisper.pages import PagePool
from auricle.engines.whisper.weights import HEAD_SIZE, WhisperWeights
from auricle.errors import EngineFailed

Logits = NDArray[np.float32]
"""Raw scores, shape (n_rows, n_vocab)."""


@dataclass(frozen=True, slots=True)
class KernelLimits:
    """How much the kernel holds at once: memory is set aside for it, touched when used.

    `n_windows` encoded windows of full length (or more shorter ones), `n_rows` rows of
    `max_tokens` tokens with their prompts.
    """

    n_windows: int = 8
    n_rows: int = 8
    max_tokens: int = 448


@dataclass(slots=True, eq=False)
class CrossState:
    """An encoded window: pages with the decoder's cross-attention keys and values.

    `last` is the last position's, (n_layers, 2 * d_model). Freed with its last holder: the
    caller's own hold ends with `Kernel.release`.
    """

    pages: list[int]
    n_positions: int
    last: NDArray[np.float32]
    holders: int = 1


@dataclass(slots=True)
class _Row:
    """A sequence being decoded: its window, its pages and how many tokens they hold."""

    state: CrossState
    pages: list[int] = field(default_factory=list)
    n_tokens: int = 0


class Kernel:
    """Encoder and decoder of one checkpoint with the caches of all rows. Single-threaded."""

    def __init__(
        self,
        weights: WhisperWeights,
        options: GraphOptions,
        limits: KernelLimits,
        cache_folder: Path | None = None,
    ) -> None:
        """Compile both graphs and set aside the caches.

        Args:
            weights: the checkpoint.
            options: how to compute.
            limits: how much is held at once.
            cache_folder: keeps the graphs for the next start.

        Raises:
            WeightsError: the checkpoint is incomplete.
            EngineFailed: this processor cannot run the graphs.
        """
        self.dims = weights.dims
        self._quantized = options.cache_type is CacheType.U8
        graphs = GraphCache(cache_folder, weights.fingerprint)
        self._encoder = CompiledGraph(
            graphs.graph(
                f"encoder-{'int8' if options.int8_encoder else 'f32'}"
                f"-{'u8' if self._quantized else 'f32'}",
                lambda: build_encoder(
                    weights, int8=options.int8_encoder, quantize_cross=self._quantized
                ),
                self.dims.n_heads,
            ),
            options,
        )
        self._decoder = CompiledGraph(
            graphs.graph(
                f"decoder-{'int8' if options.int8_decoder else 'f32'}",
                lambda: build_decoder(weights, int8=options.int8_decoder),
                self.dims.n_heads,
            ),
            options,
        )
        self._embedding = weights.stored("decoder.embedding")
        self._positions = weights.array("decoder.positions")
        self._cross_pool = PagePool(1 + limits.n_windows * n_pages_of(self.dims.n_audio))
        self._self_pool = PagePool(1 + limits.n_rows * n_pages_of(limits.max_tokens))
        self._cross_caches = self._caches("cross", self._cross_pool.n_free)
        self._self_caches = self._caches("self", self._self_pool.n_free)
        self._rows: dict[int, _Row] = {}
        self._next_row = 0
        self._idle = self._idle_row()

    def _caches(self, name: str, n_pages: int) -> list[tuple[ov.Tensor, ov.Tensor]]:
        """Keys and values of each layer, bound to the decoder."""
        caches = []
        for i in range(self.dims.n_decoder_layers):
            pair = []
            for part in ("keys", "values"):
                tensor = self._decoder.allocate(f"{name}_{i}_{part}", n_pages)
                self._decoder.bind(f"{name}_{i}_{part}", tensor)
                pair.append(tensor)
            caches.append((pair[0], pair[1]))
        return caches

    def _idle_row(self) -> _Row:
        """A row over one position of zeros, which keeps a lone token company.

        Matrix products with a single row run in another kernel, whose rounding differs: with
        company, a token's logits are the same to the bit in every batch. (The projection gets
        its second row in `_set_inputs`.)
        """
        last = np.zeros((self.dims.n_decoder_layers, 2 * self.dims.d_model), np.float32)
        state = CrossState(self._cross_pool.take(1), 1, last)
        for caches, pages in (
            (self._cross_caches, state.pages),
            (self._self_caches, idle_pages := self._self_pool.take(1)),
        ):
            for cache in (cache for pair in caches for cache in pair):
                bits_of(cache)[pages] = 0
        return _Row(state, idle_pages)

    # windows

    def encode(self, log_mel: LogMel) -> CrossState:
        """Encode one window; the caller lets it go with `release`.

        Args:
            log_mel: (n_mels, n_frames), an even number of frames up to 2 * n_audio.

        Raises:
            EngineFailed: the graph failed or gave values that are no numbers.
        """
        n_positions = log_mel.shape[1] // 2
        assert log_mel.shape == (self.dims.n_mels, 2 * n_positions)
        assert 0 < n_positions <= self.dims.n_audio
        self._encoder.set("log_mel", log_mel[None])
        self._encoder.run()
        last = self._encoder.output("last").copy()
        if last.shape != (self.dims.n_decoder_layers, 2 * self.dims.d_model):
            msg = f"the encoder gave an output of shape {last.shape}"
            raise EngineFailed(msg)
        if not np.isfinite(last).all():
            msg = "the encoder gave values that are no numbers"
            raise EngineFailed(msg)
        pages = self._cross_pool.take(n_pages_of(n_positions))
        for i, caches in enumerate(self._cross_caches):
            self._store(i, caches, pages, n_positions)
        return CrossState(pages, n_positions, last)

    def _store(
        self, layer: int, caches: tuple[ov.Tensor, ov.Tensor], pages: list[int], n_positions: int
    ) -> None:
        """Copy one layer's keys and values from the encoder's outputs into pages."""
        values = self._encoder.output(f"cross_{layer}")
        n_heads = self.dims.n_heads
        assert values.shape == (n_positions, 2 * n_heads, HEAD_SIZE)
        scales = self._encoder.output(f"scale_{layer}") if self._quantized else None
        for part, cache in enumerate(caches):
            heads = slice(part * n_heads, (part + 1) * n_heads)
            stored = bits_of(cache)
            offset = SCALE_BYTES if scales is not None else 0
            to_pages(stored[..., offset:], pages, same_bits(values[:, heads], stored))
            if scales is not None:
                head = scales[:, heads].view(np.uint8)
                to_pages(stored[..., :SCALE_BYTES], pages, head)

    def release(self, state: CrossState) -> None:
        """Let go of a window; its memory is free once no row uses it either."""
        state.holders -= 1
        if not state.holders:
            self._cross_pool.release(state.pages)

    def cross_attention(
        self, state: CrossState, layer: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Keys and values of a layer for an encoded window, each (n, n_heads, HEAD_SIZE)."""
        keys, values = (
            from_pages(cache, state.pages, state.n_positions) for cache in self._cross_caches[layer]
        )
        return keys, values

    # rows

    def embed(self, tokens: Sequence[int], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """The decoder's input for tokens at their positions, shape (n, d_model)."""
        return self._embedding.rows(tokens) + self._positions[positions]

    def join(self, state: CrossState) -> int:
        """A new, empty row over a window; returns its number."""
        state.holders += 1
        self._rows[self._next_row] = _Row(state)
        self._next_row += 1
        return self._next_row - 1

    def leave(self, row: int) -> None:
        """Drop a row and free its pages."""
        gone = self._rows.pop(row)
        self._self_pool.release(gone.pages)
        self.release(gone.state)

    def fork(self, row: int) -> int:
        """A copy of a row: full pages and the window are shared, the last page is copied."""
        source = self._rows[row]
        copy = self.join(source.state)
        n_shared = source.n_tokens // PAGE_SIZE
        shared = source.pages[:n_shared]
        self._self_pool.hold(shared)
        target = self._rows[copy]
        target.pages, target.n_tokens = list(shared), source.n_tokens
        if len(source.pages) > n_shared:
            (page,) = self._self_pool.take(1)
            target.pages.append(page)
            for cache in (cache for pair in self._self_caches for cache in pair):
                bits = bits_of(cache)
                bits[page] = bits[source.pages[n_shared]]
        return copy

    def free_pages(self) -> tuple[int, int]:
        """Pages that are free for windows and for rows; all of them when nothing is held."""
        return self._cross_pool.n_free, self._self_pool.n_free

    def step(self, feed: Mapping[int, Sequence[int]]) -> Logits:
        """Feed each row its next tokens, one or more.

        Args:
            feed: the rows to advance, in the order of the result; others stay as they are.

        Returns:
            The logits after each row's last token; a view that the next step overwrites.

        Raises:
            EngineFailed: the graph failed or gave no finite numbers. The rows fed are then
                unusable and must leave.
        """
        rows = [self._rows[row] for row in feed]
        given = list(feed.values())
        assert rows
        assert all(given)
        for row, tokens in zip(rows, given, strict=True):
            self._grow(row, len(tokens))
        self._set_inputs(rows, given)
        self._decoder.run()
        for row, tokens in zip(rows, given, strict=True):
            row.n_tokens += len(tokens)
        return self._logits(len(rows))

    def _logits(self, n_rows: int) -> Logits:
        logits: Logits = self._decoder.output("logits")
        if logits.shape != (max(2, n_rows), self.dims.n_vocab):
            msg = f"the decoder gave logits of shape {logits.shape} for {n_rows} rows"
            raise EngineFailed(msg)
        logits = logits[:n_rows]
        if not np.isfinite(logits.max(axis=1)).all():  # max passes NaN on
            msg = "the decoder gave logits that are no numbers"
            raise EngineFailed(msg)
        return logits

    def _grow(self, row: _Row, n_new: int) -> None:
        """Give the row pages for its next tokens, cleared of what others left in them."""
        assert row.n_tokens + n_new <= self.dims.n_text
        missing = n_pages_of(row.n_tokens + n_new) - len(row.pages)
        if missing <= 0:
            return
        pages = self._self_pool.take(missing)
        for cache in (cache for pair in self._self_caches for cache in pair):
            bits_of(cache)[pages] = 0
        row.pages += pages

    def _set_inputs(self, rows: list[_Row], given: Sequence[Sequence[int]]) -> None:
        lengths = [len(tokens) for tokens in given]
        tokens = [token for row_tokens in given for token in row_tokens]
        ends = np.cumsum(lengths, dtype=np.int64) - 1
        self._decoder.set("wanted", ends if len(rows) > 1 else np.repeat(ends, 2))
        if len(tokens) == 1:
            rows, tokens, lengths = [*rows, self._idle], [*tokens, 0], [*lengths, 1]
        before = np.repeat([row.n_tokens for row in rows], lengths)
        starts = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
        self._decoder.set("embedded", self.embed(tokens, before + np.arange(len(tokens)) - starts))
        self._decoder.set("last", np.repeat([row.state.last for row in rows], lengths, axis=0))
        self._set_tables(rows, lengths)

    def _set_tables(self, rows: list[_Row], lengths: list[int]) -> None:
        used = [
            row.pages[: n_pages_of(row.n_tokens + n)] for row, n in zip(rows, lengths, strict=True)
        ]
        self._set_table("self", [row.n_tokens for row in rows], lengths, used)
        # Each token is a sequence of its own: see `graphs/decoder.py`.
        states = [row.state for row, n in zip(rows, lengths, strict=True) for _ in range(n)]
        past = [state.n_positions - 1 for state in states]
        self._set_table("cross", past, [1] * len(states), [state.pages for state in states])

    def _set_table(
        self, name: str, past: list[int], lengths: list[int], pages: list[list[int]]
    ) -> None:
        longest = max(n + new for n, new in zip(past, lengths, strict=True))
        for part, values in {
            "past": past,
            "begins": np.cumsum([0, *lengths]),
            "pages": np.concatenate(pages),
            "page_begins": np.cumsum([0, *map(len, pages)]),
            "longest": longest,
        }.items():
            self._decoder.set(f"{name}_{part}", np.asarray(values, np.int32))
