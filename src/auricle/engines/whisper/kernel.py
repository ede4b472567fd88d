"""Whisper's mathematics for many windows at once: no policy, no text, no threads.

    state = kernel.encode(log_mel)           # or `begin` and `advance`, a stage at a time
    row = kernel.join(state)
    logits = kernel.step({row: prompt})      # (1, n_vocab), of the last token of each row
    logits = kernel.step({row: [token], other: [its_token]})
    kernel.leave(row)

Rows join and leave at any step and share nothing but the weights: a row's logits are those it
would have alone (`self_check`).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from auricle.audio.log_mel import LogMel
from auricle.engines.whisper.decoder_step import DecoderStep, Logits, NewTokens
from auricle.engines.whisper.encoder_stages import Encoder
from auricle.engines.whisper.graphs.cache import GraphCache
from auricle.engines.whisper.graphs.compiling import GraphOptions, runtime
from auricle.engines.whisper.graphs.graph_decoder import GraphDecoder
from auricle.engines.whisper.graphs.graph_encoder import GraphEncoder
from auricle.engines.whisper.graphs.paged_attention import PAGE_SIZE
from auricle.engines.whisper.native.native_decoder import NativeDecoder
from auricle.engines.whisper.native.native_encoder import NativeEncoder
from auricle.engines.whisper.pages import PagePool, n_pages_of
from auricle.engines.whisper.weights import WhisperWeights
from auricle.engines.whisper.window_places import CrossState, WindowPlaces
from auricle.errors import EngineFailed


@dataclass(frozen=True, slots=True)
class KernelLimits:
    """How much the kernel holds at once: memory is set aside for it, touched when used.

    `n_windows` encoded windows, `n_rows` rows of `max_tokens` tokens with their prompts.
    """

    n_windows: int = 8
    n_rows: int = 8
    max_tokens: int = 448


@dataclass(slots=True)
class _Row:
    """A sequence being decoded: its window, its pages and how many tokens they hold."""

    state: CrossState
    pages: list[int] = field(default_factory=list)
    n_tokens: int = 0


@dataclass(slots=True)
class Encoding:
    """A window on its way through the encoder's stages: its place, and what the last one gave."""

    state: CrossState
    hidden: NDArray[np.float32]
    n_done: int = 0


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

        The encoder can be used before the decoder is compiled: what needs that waits for it.

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
        graphs = GraphCache(cache_folder, weights.fingerprint)
        self._places = WindowPlaces(limits.n_windows, self.dims, options.cross_type)
        self._n_pages = limits.n_rows * n_pages_of(limits.max_tokens)
        self._pages = PagePool(self._n_pages)
        runtime()  # before two threads ask for it
        beside = ThreadPoolExecutor(1)
        self._compiling: Future[DecoderStep] = beside.submit(
            self._make_decoder, weights, options, graphs
        )
        beside.shutdown(wait=False)  # the thread ends with what it has been given
        self._encoder = self._make_encoder(weights, options, graphs)
        self._embedding = weights.stored("decoder.embedding")
        self._positions = weights.array("decoder.positions")
        self._rows: dict[int, _Row] = {}
        self._next_row = 0

    def _make_encoder(
        self, weights: WhisperWeights, options: GraphOptions, graphs: GraphCache
    ) -> Encoder:
        if options.native_encoder:
            return NativeEncoder(weights, options.native_encoder, options, graphs, self._places)
        return GraphEncoder(weights, options, graphs, self._places)

    def _make_decoder(
        self, weights: WhisperWeights, options: GraphOptions, graphs: GraphCache
    ) -> DecoderStep:
        if options.native_decoder:
            return NativeDecoder(weights, options.native_decoder, self._places, self._n_pages)
        return GraphDecoder(weights, options, graphs, self._places, self._n_pages)

    @cached_property
    def _decoder(self) -> DecoderStep:
        return self._compiling.result()

    # windows

    def encode(self, log_mel: LogMel) -> CrossState:
        """Encode one window; the caller lets it go with `release`.

        Args:
            log_mel: (n_mels, n_frames), an even number of frames up to 2 * n_audio.

        Raises:
            EngineFailed: the graph failed or gave values that are no numbers.
        """
        encoding = self.begin(log_mel)
        while (state := self.advance(encoding)) is None:
            pass
        return state

    def begin(self, log_mel: LogMel) -> Encoding:
        """Take a place for a window; `advance` it, or let its `state` go with `release`."""
        n_positions = log_mel.shape[1] // 2
        assert log_mel.shape == (self.dims.n_mels, 2 * n_positions)
        assert 0 < n_positions <= self.dims.n_audio
        return Encoding(self._places.take(n_positions), log_mel[None])

    def advance(self, encoding: Encoding) -> CrossState | None:
        """Run the window's next stage; after the last, give the encoded window.

        Raises:
            EngineFailed: it failed or gave values that are no numbers; its place is free.
        """
        stage = encoding.n_done
        try:
            encoding.n_done += 1
            if encoding.n_done < self._encoder.n_stages:
                encoding.hidden = self._encoder.run(stage, encoding.hidden)
                return None
            self._encoder.finish(encoding.hidden, encoding.state)
        except EngineFailed:
            self._places.release(encoding.state)
            raise
        return encoding.state

    def part(self, state: CrossState, first: int, n_positions: int) -> CrossState:
        """A stretch of an encoded window, to be looked at alone; let it go with `release`."""
        return self._places.copy(state, first, n_positions)

    def release(self, state: CrossState) -> None:
        """Let go of a window; its place is free once no row uses it either."""
        self._places.release(state)

    def cross_attention(self, state: CrossState, layer: int) -> tuple[ov.Tensor, ov.Tensor]:
        """Keys and values of a layer for an encoded window, each (n_heads, n, HEAD_SIZE)."""
        return self._places.tensor(state, layer, 0), self._places.tensor(state, layer, 1)

    def scales(self, state: CrossState) -> NDArray[np.float32]:
        """Of a window of bytes: what its keys and values are to be multiplied by.

        By layer and in the order of PARTS, (2 * n_layers, d_model); ones where it has other types.
        """
        scales: NDArray[np.float32] = self._places.scales[state.place]
        return scales

    # rows

    def embed(self, tokens: Sequence[int], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """The decoder's input for tokens at their positions, shape (n, d_model)."""
        return self._embedding.rows(tokens) + self._positions[positions]

    def join(self, state: CrossState) -> int:
        """A new, empty row over a window; returns its number."""
        if not state.is_shown:
            self._decoder.show(state)
            state.is_shown = True
        state.holders += 1
        self._rows[self._next_row] = _Row(state)
        self._next_row += 1
        return self._next_row - 1

    def leave(self, row: int) -> None:
        """Drop a row and free its pages."""
        gone = self._rows.pop(row)
        self._pages.release(gone.pages)
        self.release(gone.state)

    def fork(self, row: int) -> int:
        """A copy of a row: full pages and the window are shared, the last page is copied."""
        source = self._rows[row]
        copy = self.join(source.state)
        n_shared = source.n_tokens // PAGE_SIZE
        shared = source.pages[:n_shared]
        self._pages.hold(shared)
        target = self._rows[copy]
        target.pages, target.n_tokens = list(shared), source.n_tokens
        if len(source.pages) > n_shared:
            (page,) = self._pages.take(1)
            target.pages.append(page)
            for cache in self._decoder.caches:
                cache[page] = cache[source.pages[n_shared]]
        return copy

    def free_places(self) -> tuple[int, int]:
        """Places for windows and pages for rows that are free; all when nothing is held."""
        return self._places.n_free, self._pages.n_free

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
        logits = self._decoder.run(self._new_tokens(rows, given))
        for row, tokens in zip(rows, given, strict=True):
            row.n_tokens += len(tokens)
        return self._checked(logits, len(rows))

    def _checked(self, logits: Logits, n_rows: int) -> Logits:
        if logits.shape != (n_rows, self.dims.n_vocab):
            msg = f"the decoder gave logits of shape {logits.shape} for {n_rows} rows"
            raise EngineFailed(msg)
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
        pages = self._pages.take(missing)
        for cache in self._decoder.caches:
            cache[pages] = 0
        row.pages += pages

    def _new_tokens(self, rows: list[_Row], given: Sequence[Sequence[int]]) -> NewTokens:
        """Tokens in the order of their windows; `wanted` brings the rows back into ours."""
        order = sorted(range(len(rows)), key=lambda i: rows[i].state.place)
        lengths = np.array([len(given[i]) for i in order])
        ends = np.cumsum(lengths)
        past = np.array([rows[i].n_tokens for i in order])
        tokens = [token for i in order for token in given[i]]
        positions = np.repeat(past - ends + lengths, lengths) + np.arange(len(tokens))
        wanted = np.empty(len(rows), np.int64)
        wanted[order] = ends - 1
        return NewTokens(
            embedded=self.embed(tokens, positions),
            places=np.array([rows[i].state.place for i in order]),
            past=past,
            lengths=lengths,
            pages=[rows[i].pages[: n_pages_of(rows[i].n_tokens + len(given[i]))] for i in order],
            wanted=wanted,
        )
