"""Whisper on graphs of our own: a stepping engine, many utterances at once."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auricle.audio.log_mel import FRAMES_PER_S, LogMel, log_mel
from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    EngineInfo,
    Failed,
    Final,
    Hypothesis,
    Utterance,
)
from auricle.engines.whisper.alignment import Aligner
from auricle.engines.whisper.decoding.bias import Biases
from auricle.engines.whisper.decoding.context import ContextPolicy
from auricle.engines.whisper.decoding.given_text import GivenText
from auricle.engines.whisper.decoding.languages import SuspectedChange
from auricle.engines.whisper.decoding.window import Vocabulary, WindowDecoding, WindowResult
from auricle.engines.whisper.encode_queue import SHORT_S, EncodeQueue
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.graphs.threads import release_threads
from auricle.engines.whisper.kernel import Encoding, Kernel, KernelLimits
from auricle.engines.whisper.language_listener import LanguageListener
from auricle.engines.whisper.memory import drop_pages_of, trim_heap
from auricle.engines.whisper.policy import DecodePolicy
from auricle.engines.whisper.segments import TokenSegment, split_at_timestamps
from auricle.engines.whisper.self_check import SELF_CHECK_WINDOWS, self_check, try_out
from auricle.engines.whisper.weights import WhisperDims, load_weights
from auricle.engines.whisper.window_places import CrossState
from auricle.engines.whisper.word_times import words_of
from auricle.errors import EngineFailed
from auricle.transcript.model import Segment, Word

MAX_UTTERANCE_S = 30.0

MAX_WINDOWS_BYTES = 512 << 20
"""Memory for the cross-attention keys and values of all utterances that are decoded at once."""

KEPT_PART = 1 / 2
"""Part of the slots that one recording leaves to others: its fifth window at once saves about
a twentieth of the steps' time, takes memory, and clips wait longer (`docs/benchmarks.md`)."""

LONG_EVERY = 4
"""Of steps with short and with long utterances, every which one advances the long ones too."""

PARTS_AT_ONCE = 1
"""Places for stretches of windows, beside those of the slots."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Live:
    """An utterance that joined and has no result yet; `encoding` while it is being encoded.

    `suspected` is a change of language, while one side of it is to be encoded alone; with
    `is_settled` none is looked for. `language_ends_s` is where another language begins: what lies
    behind it is left for later.
    """

    utterance: Utterance
    options: DecodeOptions
    decoding: WindowDecoding = field(repr=False)
    is_settled: bool
    suspected: SuspectedChange | None = None
    language_ends_s: float | None = None
    encoding: Encoding | None = field(default=None, repr=False)


def _affordable(slots: int, dims: WhisperDims, options: GraphOptions) -> int:
    """How many of the wanted slots fit: full windows of the larger models are large."""
    n_values = 2 * dims.n_decoder_layers * dims.n_audio * dims.d_model
    n_fitting = MAX_WINDOWS_BYTES // (n_values * int(options.cross_type.size))
    return max(1, min(slots, n_fitting))


class OpenVinoWhisper:
    """Any Whisper size, from CTranslate2's or Hugging Face's files; see `Engine`.

    A step encodes at most a stage of one window and feeds every other utterance one token, so an
    utterance that joins does not wait for those before it to end.
    """

    def __init__(
        self,
        folder: Path,
        policy: DecodePolicy,
        graph_options: GraphOptions,
        *,
        context: ContextPolicy = ContextPolicy(),  # noqa: B008 (it is frozen)
        slots: int = 8,
        cache_folder: Path | None = None,
    ) -> None:
        """Load, compile and check the checkpoint in `folder`.

        Args:
            folder: with the weights, `tokenizer.json` and the generation configuration.
            policy: thresholds and search width.
            graph_options: how to compute.
            context: how much context utterances are given.
            slots: most utterances decoded at once; fewer where their windows are large.
            cache_folder: keeps the graphs for the next start.

        Raises:
            WeightsError: the files are missing or damaged.
            EngineFailed: this processor does not compute them rightly (`self_check`).
        """
        weights = load_weights(folder)
        self._policy = policy
        self._context = context
        slots = self._slots = _affordable(slots, weights.dims, graph_options)
        n_windows = max(slots + PARTS_AT_ONCE, SELF_CHECK_WINDOWS)
        limits = KernelLimits(n_windows, n_rows=2 * n_windows * policy.widest_beam)
        self._kernel = Kernel(weights, graph_options, limits, cache_folder)
        self._vocabulary = Vocabulary.read(folder)  # while the decoder is still being compiled
        self_check(self._kernel)
        for read in (folder, cache_folder):
            if read is not None:
                drop_pages_of(read)
        self._aligner = Aligner(
            weights, graph_options, self._kernel, self._vocabulary.config.alignment_heads
        )
        self._listener = LanguageListener(self._kernel, self._vocabulary)
        tokenizer = self._vocabulary.tokenizer
        self._biases = Biases(tokenizer, weights.dims.n_vocab, policy.bias)
        self._live: dict[int, _Live] = {}
        self._unencoded = EncodeQueue()
        self._n_mixed_steps = 0

    @property
    def info(self) -> EngineInfo:
        """See `Engine`."""
        return EngineInfo(
            name="openvino",
            max_utterance_s=MAX_UTTERANCE_S,
            languages=tuple(dict.fromkeys(self._vocabulary.config.languages.values())) or ("en",),
            slots=self._slots,
            kept_slots=max(1, int(KEPT_PART * self._slots)),
            context_bias=True,
            aligns=True,
            is_proven=True,  # by `self_check`
        )

    def join(self, key: int, utterance: Utterance, options: DecodeOptions) -> None:
        """See `Engine`."""
        is_known = options.language is not None or options.given_text is not None
        is_settled = is_known or not self._vocabulary.tokenizer.is_multilingual
        decoding = self._decoding_of(utterance, options)
        self._live[key] = _Live(utterance, options, decoding, is_settled)
        self._unencoded.push(key, utterance.duration_s)

    def _decoding_of(self, utterance: Utterance, options: DecodeOptions) -> WindowDecoding:
        what = (self._kernel, self._vocabulary, self._policy, self._context)
        if options.given_text is not None:
            return GivenText(*what, options=options, utterance=utterance)
        bias = self._biases.of(options.context_bias)
        return WindowDecoding(*what, options=options, utterance=utterance, bias=bias)

    def cancel(self, key: int) -> None:
        """See `Engine`."""
        if key in self._live:
            self._drop(key)

    def step(self) -> list[tuple[int, DecodeEvent]]:
        """Encode at most a stage of one window, and advance those that are encoded by a token."""
        try:
            self._encode_next()
            return self._advance()
        except EngineFailed as error:
            logger.exception("engine.failed")
            return self._fail_all(error)

    def close(self) -> None:
        """See `Engine`."""
        for key in list(self._live):
            self._drop(key)

    def resume(self) -> None:
        """In a copy of the process (`graphs.threads`): compute with all threads again.

        Raises:
            EngineFailed: it does not compute.
        """
        release_threads()
        try_out(self._kernel)

    def _encode_next(self) -> None:
        decoding_s = [live.utterance.duration_s for _, live in self._encoded()]
        key = self._unencoded.choose(decoding_s)
        if key is None:
            return
        live = self._live[key]
        if live.encoding is None:
            live.encoding = self._kernel.begin(self._mel(live))
        encoding, live.encoding = live.encoding, None  # if it fails, its place is free already
        state = self._kernel.advance(encoding)
        live.encoding = encoding
        if state is not None:
            self._unencoded.discard(key)
            encoded = self._window_encoded if live.suspected is None else self._side_encoded
            encoded(key, live, state)

    def _mel(self, live: _Live) -> LogMel:
        waveform, context_s = live.utterance.waveform, live.decoding.wanted_context_s
        assert context_s is not None
        if live.suspected is not None:
            first, last = (round(edge_s * SAMPLE_RATE) for edge_s in live.suspected.alone)
            waveform = waveform[first:last]
            context_s = self._context.context_s(live.suspected.alone_s)
        n_frames = 2 * round(context_s * FRAMES_PER_S / 2)
        return log_mel(waveform, self._kernel.dims.n_mels, n_frames)

    def _window_encoded(self, key: int, live: _Live, state: CrossState) -> None:
        """Decode it, or, where its language may change, listen to one side of that first."""
        if not live.is_settled:
            live.suspected = self._listener.suspected_change(live.utterance, state)
            live.is_settled = True
        live.encoding = None
        if live.suspected is None:
            live.decoding.encoded(state)
        else:
            self._kernel.release(state)
            self._unencoded.push(key, live.suspected.alone_s)

    def _side_encoded(self, key: int, live: _Live, state: CrossState) -> None:
        """Go on with what lies before the change of language, or, if it is none, with all."""
        change = live.suspected
        assert change is not None
        is_change = self._listener.is_confirmed(change, state)
        live.suspected = live.encoding = None
        if is_change:
            live = self._cut(key, live, change.at_s)
        if is_change and change.is_first:
            live.decoding.encoded(state)
        else:
            self._kernel.release(state)
            self._unencoded.push(key, live.utterance.duration_s)

    def _cut(self, key: int, live: _Live, end_s: float) -> _Live:
        """The utterance before `end_s` in place of the whole."""
        live.decoding.close()
        utterance = Utterance(live.utterance.waveform[: round(end_s * SAMPLE_RATE)])
        decoding = self._decoding_of(utterance, live.options)
        before = _Live(
            utterance, live.options, decoding, True, language_ends_s=utterance.duration_s
        )
        self._live[key] = before
        return before

    def _encoded(self) -> list[tuple[int, _Live]]:
        return [(key, live) for key, live in self._live.items() if key not in self._unencoded]

    def _advance(self) -> list[tuple[int, DecodeEvent]]:
        """One step of the kernel over the rows of encoded utterances."""
        ready = self._turn(dict(self._encoded()))
        if not ready:
            return []
        feeds = {key: live.decoding.feed() for key, live in ready.items()}
        together = {row: tokens for feed in feeds.values() for row, tokens in feed.items()}
        logits = dict(zip(together, self._kernel.step(together), strict=True))
        events: list[tuple[int, DecodeEvent]] = []
        for key, live in ready.items():
            result = live.decoding.advance({row: logits[row] for row in feeds[key]})
            if result is not None:
                events.append((key, Final(self._hypothesis(live, result))))
                self._drop(key)
                continue
            if text := live.decoding.take_text():
                events.append((key, Delta(text, live.decoding.language)))
            if live.decoding.wanted_context_s is not None:
                self._unencoded.push(key, live.utterance.duration_s)
        return events

    def _turn(self, ready: dict[int, _Live]) -> dict[int, _Live]:
        """Who is advanced: of short and long utterances together, mostly the short ones alone.

        A step over full windows takes three times as long as one over a clip.
        """
        short = {key: live for key, live in ready.items() if live.utterance.duration_s <= SHORT_S}
        if not short or len(short) == len(ready):
            return ready
        self._n_mixed_steps += 1
        return ready if self._n_mixed_steps % LONG_EVERY == 0 else short

    def _drop(self, key: int) -> None:
        """Forget an utterance that has its result or was cancelled."""
        live = self._live.pop(key)
        live.decoding.close()
        if live.encoding is not None:
            self._kernel.release(live.encoding.state)
        self._unencoded.discard(key)
        if not self._live:
            trim_heap()

    def _fail_all(self, error: EngineFailed) -> list[tuple[int, DecodeEvent]]:
        """A fault of the graphs leaves no row that could be trusted."""
        failed = list(self._live)
        for key in failed:
            self._drop(key)
        return [(key, Failed(error.message)) for key in failed]

    def _hypothesis(self, live: _Live, result: WindowResult) -> Hypothesis:
        tokenizer = self._vocabulary.tokenizer
        duration_s = live.utterance.duration_s
        tokens = result.decoded.tokens
        cut, end_s = split_at_timestamps(tokens, tokenizer, duration_s)
        probabilities = np.exp(
            [
                logprob
                for token, logprob in zip(tokens, result.decoded.logprobs, strict=True)
                if not tokenizer.is_timestamp(token)
            ]
        )
        words = self._words(result, cut, probabilities, duration_s) if live.options.words else None
        segments = []
        first = 0
        for i, part in enumerate(cut):
            last = first + len(part.tokens)
            text = tokenizer.decode(part.tokens).strip()
            if text:
                score = float(np.exp(np.log(probabilities[first:last]).mean()))
                of_part = words[i] if words is not None else ()
                segments.append(Segment(text, part.start_s, part.end_s, score, words=of_part))
            first = last
        return Hypothesis(
            tuple(segments),
            result.language,
            result.language_probability,
            result.no_speech_probability,
            end_s if segments else duration_s,
            len(tokens),
            is_language_left=live.language_ends_s is not None,
            is_doubted=result.is_doubted,
        )

    def _words(
        self,
        result: WindowResult,
        cut: Sequence[TokenSegment],
        probabilities: NDArray[np.float64],
        duration_s: float,
    ) -> list[tuple[Word, ...]]:
        """Words of each segment: one alignment over the text of the whole window."""
        tokenizer = self._vocabulary.tokenizer
        text = [token for part in cut for token in part.tokens]
        if not text:
            return [() for _ in cut]
        prompt = [*tokenizer.prompt(result.language), tokenizer.no_timestamps]
        edges_s = self._aligner.token_edges(result.context, prompt, text, duration_s)
        words, first = [], 0
        for part in cut:
            last = first + len(part.tokens)
            words.append(
                words_of(
                    part.tokens,
                    edges_s[first : last + 1],
                    list(probabilities[first:last]),
                    tokenizer,
                    result.language,
                )
            )
            first = last
        return words
