"""Whisper on CTranslate2, int8: a batch engine, one utterance a step."""

import json
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from auricle.audio.log_mel import FRAMES_PER_S, log_mel
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    EngineInfo,
    Failed,
    Final,
    Hypothesis,
    Utterance,
)
from auricle.engines.whisper.decoding.given_text import MAX_TEXT_TOKENS
from auricle.engines.whisper.decoding.previous_text import previous_tokens
from auricle.engines.whisper.policy import DecodePolicy, is_loop, loop_start
from auricle.engines.whisper.segments import (
    TokenSegment,
    split_at_timestamps,
    up_to_last_time,
)
from auricle.engines.whisper.tokenizer import TIMESTAMP_STEP_S, WhisperTokenizer
from auricle.engines.whisper.word_times import words_of
from auricle.transcript.model import Segment, Word

MAX_UTTERANCE_S = 30.0
N_FRAMES = round(MAX_UTTERANCE_S * FRAMES_PER_S)
SURE_OF_ANOTHER_LANGUAGE = 0.8
"""Probability from which detection overrules the recording's language so far."""


@dataclass(frozen=True, slots=True)
class _Search:
    """How CTranslate2 looks for a text; temperature 0 is beam search, which repeats exactly."""

    beam_size: int = 1
    temperature: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0


RETRIES = (
    _Search(beam_size=5, repetition_penalty=1.1, no_repeat_ngram_size=6),
    _Search(beam_size=1, repetition_penalty=1.2, no_repeat_ngram_size=3),
)
"""What is tried after a result that is not believed. Not a rising temperature, as in the paper:
samples differ from run to run, and a window that is decoded again after a crash must say the same
(CTranslate2 seeds its generators once a thread, so a seed does not help)."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """One attempt's result, before it is cut into segments."""

    tokens: tuple[int, ...]
    mean_logprob: float
    no_speech_probability: float
    encoded: ctranslate2.StorageView

    def without_loop(self, tokenizer: WhisperTokenizer) -> "_Decoded":
        """The same without the repetitions of a final loop."""
        start = loop_start(tokenizer.text_tokens(self.tokens))
        if start is None:
            return self
        positions = [i for i, token in enumerate(self.tokens) if token < tokenizer.eot]
        return replace(self, tokens=self.tokens[: positions[start]])


class CTranslate2Whisper:
    """Any Whisper size in CTranslate2's form; see `Engine` for the methods' contract."""

    def __init__(self, folder: Path, policy: DecodePolicy, *, n_threads: int = 1) -> None:
        """Load the weights of `folder` (model.bin, config.json, tokenizer.json)."""
        self._policy = policy
        self._model = ctranslate2.models.Whisper(
            str(folder),
            device="cpu",
            compute_type="int8",
            intra_threads=n_threads,
            inter_threads=1,
        )
        self._tokenizer = WhisperTokenizer(folder / "tokenizer.json")
        self._n_mels = self._model.n_mels
        self._waiting: deque[tuple[int, Utterance, DecodeOptions]] = deque()
        self._languages = _languages(folder, self._tokenizer)

    @property
    def info(self) -> EngineInfo:
        """See `Engine`."""
        return EngineInfo(
            name="ctranslate2",
            max_utterance_s=MAX_UTTERANCE_S,
            languages=self._languages,
            aligns=True,
        )

    def join(self, key: int, utterance: Utterance, options: DecodeOptions) -> None:
        """See `Engine`."""
        self._waiting.append((key, utterance, options))

    def cancel(self, key: int) -> None:
        """See `Engine`; an utterance already in its step cannot be stopped."""
        self._waiting = deque(item for item in self._waiting if item[0] != key)

    def step(self) -> list[tuple[int, DecodeEvent]]:
        """Decode the utterance that waits longest."""
        if not self._waiting:
            return []
        key, utterance, options = self._waiting.popleft()
        try:
            return [(key, Final(self._decode(utterance, options)))]
        except (RuntimeError, ValueError) as error:
            return [(key, Failed(f"{type(error).__name__}: {error}"))]

    def close(self) -> None:
        """See `Engine`."""
        self._waiting.clear()
        self._model.unload_model()

    def _decode(self, utterance: Utterance, options: DecodeOptions) -> Hypothesis:
        """Attempts of the policy until one is believed; else the likeliest one that ends."""
        duration_s = utterance.duration_s
        encoded = self._encode(utterance)
        language, probability = self._language(encoded, options)
        if options.given_text is not None:
            given = self._given(options.given_text, encoded)
            return self._hypothesis(given, language, probability, duration_s, options)
        prompt = self._tokenizer.prompt(language)
        previous = previous_tokens(options, language, self._tokenizer)
        results: list[_Decoded] = []
        for search in self._searches(options.temperature):
            before = [] if results else previous
            result = self._generate(encoded, [*before, *prompt], duration_s, search)
            results.append(result)
            if self._policy.is_silence(result.no_speech_probability, result.mean_logprob):
                return Hypothesis(
                    (), language, probability, result.no_speech_probability, duration_s
                )
            if self._believes(result):
                heard = self._hypothesis(result, language, probability, duration_s, options)
                return replace(heard, is_doubted=len(results) > 1)
        ending = [
            result for result in results if not is_loop(self._tokenizer.text_tokens(result.tokens))
        ]
        best = max(ending or results, key=lambda result: result.mean_logprob)
        heard = self._hypothesis(
            best.without_loop(self._tokenizer), language, probability, duration_s, options
        )
        return replace(heard, is_doubted=True)

    def _given(self, text: str, encoded: ctranslate2.StorageView) -> _Decoded:
        """A text that is not decoded but known; without tokens where it is too long to place."""
        tokens = self._tokenizer.encode_phrase(text) if text else []
        if len(tokens) > MAX_TEXT_TOKENS:
            tokens = []
        return _Decoded(tuple(tokens), 0.0, 0.0, encoded)

    def _searches(self, temperature: float | None) -> tuple[_Search, ...]:
        if temperature:
            return (_Search(temperature=temperature),)
        return (_Search(beam_size=self._policy.beam_size), *RETRIES)

    def _believes(self, result: _Decoded) -> bool:
        tokens = self._tokenizer.text_tokens(result.tokens)
        return self._policy.believes(tokens, self._tokenizer.decode(tokens), result.mean_logprob)

    def _encode(self, utterance: Utterance) -> ctranslate2.StorageView:
        """The encoder's output over the full 30 s that Whisper was trained on.

        A context trimmed to the utterance costs a fifth and loses words: see
        `docs/benchmarks.md`.
        """
        mel = log_mel(utterance.waveform, self._n_mels, N_FRAMES)
        return self._model.encode(ctranslate2.StorageView.from_array(mel[None]))

    def _language(
        self, features: ctranslate2.StorageView, options: DecodeOptions
    ) -> tuple[str, float]:
        if not self._tokenizer.is_multilingual:
            return "en", 1.0
        if options.language is not None:
            return options.language, 1.0
        found = self._model.detect_language(features)[0]
        probabilities: defaultdict[str, float] = defaultdict(float)
        for token, share in found:
            probabilities[self._tokenizer.language_of(token)] += float(share)
        language, probability = max(probabilities.items(), key=lambda item: item[1])
        hint = options.language_hint
        if hint is not None and hint in probabilities and probability < SURE_OF_ANOTHER_LANGUAGE:
            return hint, probabilities[hint]
        return language, probability

    def _generate(
        self,
        features: ctranslate2.StorageView,
        prompt: Sequence[int],
        duration_s: float,
        search: _Search,
    ) -> _Decoded:
        sampled = search.temperature > 0
        cap = self._policy.token_cap(duration_s)
        result = self._model.generate(
            features,
            [list(prompt)],
            beam_size=search.beam_size,
            sampling_topk=0 if sampled else 1,
            sampling_temperature=search.temperature if sampled else 1.0,
            repetition_penalty=search.repetition_penalty,
            no_repeat_ngram_size=search.no_repeat_ngram_size,
            max_length=max(2 * cap, len(prompt) + cap),  # it gives a text half of it at most
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = result.sequences_ids[0]
        if len(tokens) == self._policy.max_tokens:  # it had no room for the rest
            tokens = up_to_last_time(tokens, self._tokenizer)
        return _Decoded(
            tuple(tokens),
            float(result.scores[0]),
            float(result.no_speech_prob),
            features,
        )

    def _hypothesis(
        self,
        result: _Decoded,
        language: str,
        probability: float,
        duration_s: float,
        options: DecodeOptions,
    ) -> Hypothesis:
        cut, end_s = split_at_timestamps(result.tokens, self._tokenizer, duration_s)
        words = self._words(result, cut, language, duration_s) if options.words else None
        score = float(np.exp(min(0.0, result.mean_logprob)))
        segments = []
        for i, part in enumerate(cut):
            text = self._tokenizer.decode(part.tokens).strip()
            if text:
                of_part = words[i] if words is not None else ()
                segments.append(Segment(text, part.start_s, part.end_s, score, words=of_part))
        return Hypothesis(
            tuple(segments),
            language,
            probability,
            result.no_speech_probability,
            end_s,
            len(result.tokens),
        )

    def _words(
        self,
        result: _Decoded,
        cut: Sequence[TokenSegment],
        language: str,
        duration_s: float,
    ) -> list[tuple[Word, ...]]:
        """Words of each segment: one alignment over the text of the whole window."""
        text = [token for part in cut for token in part.tokens]
        if not text:
            return [() for _ in cut]
        n_frames = max(2, round(duration_s * FRAMES_PER_S))
        aligned = self._model.align(
            result.encoded, self._tokenizer.prompt(language), [text], n_frames
        )[0]
        edges_s = _token_edges(aligned.alignments, len(text), duration_s)
        words, first = [], 0
        for part in cut:
            last = first + len(part.tokens)
            words.append(
                words_of(
                    part.tokens,
                    edges_s[first : last + 1],
                    aligned.text_token_probs[first:last],
                    self._tokenizer,
                    language,
                )
            )
            first = last
        return words


def _token_edges(
    alignments: Sequence[tuple[int, int]], n_tokens: int, duration_s: float
) -> NDArray[np.float64]:
    """When each token starts, and the last one ends; shape (n_tokens + 1,), seconds."""
    edges = np.full(n_tokens + 1, np.nan)
    for token, position in alignments:  # positions of the encoder: one every 20 ms
        if token <= n_tokens and np.isnan(edges[token]):
            edges[token] = position * TIMESTAMP_STEP_S
    edges[-1] = duration_s if np.isnan(edges[-1]) else edges[-1]
    for i in range(n_tokens - 1, -1, -1):  # a token the path skips starts with the next
        if np.isnan(edges[i]):
            edges[i] = edges[i + 1]
    ordered: NDArray[np.float64] = np.maximum.accumulate(edges)
    return np.minimum(ordered, duration_s)


def _languages(folder: Path, tokenizer: WhisperTokenizer) -> tuple[str, ...]:
    if not tokenizer.is_multilingual:
        return ("en",)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokens = (tokenizer.token(language_id) for language_id in sorted(config["lang_ids"]))
    languages = (tokenizer.language_of(token) for token in tokens if token is not None)
    return tuple(dict.fromkeys(languages))
