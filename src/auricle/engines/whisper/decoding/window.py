"""Decoding one window: the language, the attempts of the policy, and which one is believed.

The caller encodes what `wanted_context_s` asks for and hands over logits step by step; nothing
here waits or computes for long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from auricle.engines.protocol import (
    MIN_PROGRESS_S,
    MISSED_SPEECH_S,
    DecodeOptions,
    Stretch,
    Utterance,
)
from auricle.engines.whisper.decoding.beam import BeamSearch, Biased
from auricle.engines.whisper.decoding.context import FULL_CONTEXT_S, Attempt, ContextPolicy
from auricle.engines.whisper.decoding.greedy import GreedySearch
from auricle.engines.whisper.decoding.languages import probabilities_of
from auricle.engines.whisper.decoding.previous_text import previous_tokens
from auricle.engines.whisper.decoding.rules import (
    EndInTime,
    GoOn,
    LogitRow,
    LogitRule,
    SuppressAtBegin,
    SuppressTokens,
    TimestampRules,
)
from auricle.engines.whisper.decoding.search import (
    Decoded,
    Favouring,
    Rows,
    Search,
    SearchLimits,
    looping_from,
    retelling_from,
)
from auricle.engines.whisper.decoding.streaming import TextStream
from auricle.engines.whisper.generation_config import GenerationConfig
from auricle.engines.whisper.native.log_sum_exp import log_sum_exp
from auricle.engines.whisper.policy import DecodePolicy
from auricle.engines.whisper.tokenizer import TIMESTAMP_STEP_S, WhisperTokenizer
from auricle.engines.whisper.window_places import CrossState

SURE_OF_ANOTHER_LANGUAGE = 0.8
"""Probability from which detection overrules the recording's language so far."""

SURE_OF_THE_LANGUAGE = 0.6
"""Probability below which a language heard in a short context is asked for again in the whole."""

STREAM_LAG_TOKENS = 6


class WindowRows(Rows, Protocol):
    """The part of the kernel a window needs."""

    def join(self, state: CrossState) -> int:
        """A new row."""
        ...

    def release(self, state: CrossState) -> None:
        """Let go of an encoded window."""
        ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a checkpoint and what it says about using them."""

    tokenizer: WhisperTokenizer
    config: GenerationConfig

    @classmethod
    def read(cls, folder: Path) -> "Vocabulary":
        """Of the checkpoint in `folder`."""
        tokenizer = WhisperTokenizer(folder / "tokenizer.json")
        return cls(tokenizer, GenerationConfig.read(folder, tokenizer))

    def rules(self, last_s: float, go_on_s: Stretch, max_tokens: int) -> list[LogitRule]:
        """The rules of a window with times up to `last_s`, none of `go_on_s` being the last."""
        tokenizer = self.tokenizer
        never = (*self.config.suppressed, *self._control_tokens())
        return [
            SuppressTokens(never),
            SuppressAtBegin(self.config.suppressed_at_begin),
            TimestampRules(
                eot=tokenizer.eot,
                no_timestamps=tokenizer.no_timestamps,
                last_s=last_s,
                step_s=TIMESTAMP_STEP_S,
            ),
            GoOn(eot=tokenizer.eot, times=tokenizer.timestamps(*go_on_s)),
            EndInTime(
                eot=tokenizer.eot,
                no_timestamps=tokenizer.no_timestamps,
                max_tokens=max_tokens,
            ),
        ]

    def _control_tokens(self) -> range:
        """Everything between the text's end and the timestamps: only prompts contain it."""
        return range(self.tokenizer.eot + 1, self.tokenizer.no_timestamps + 1)


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What was heard. `context` is the encoded window, valid until `close`.

    `is_doubted` says that the first attempt was not believed.
    """

    decoded: Decoded
    language: str
    language_probability: float
    no_speech_probability: float
    context: CrossState
    is_doubted: bool


class WindowDecoding:
    """One window on its way to a result. Ask `wanted_context_s`, then `feed` and `advance`."""

    def __init__(
        self,
        kernel: WindowRows,
        vocabulary: Vocabulary,
        policy: DecodePolicy,
        context: ContextPolicy,
        *,
        options: DecodeOptions,
        utterance: Utterance,
        bias: Favouring | None = None,
    ) -> None:
        self._kernel = kernel
        self._vocabulary = vocabulary
        self._policy = policy
        self._options = options
        self._duration_s = utterance.duration_s
        self._go_on_s = (MIN_PROGRESS_S, utterance.last_before_s(MISSED_SPEECH_S))
        self._bias = bias
        self._attempts = context.attempts(
            policy.attempts(options.temperature), utterance.duration_s
        )
        self._attempt: Attempt = next(self._attempts)
        self._state: CrossState | None = None
        self._row: int | None = None
        self._prompt: list[int] = []
        self._search: Search | None = None
        self._results: list[Decoded] = []
        self._stream = TextStream(vocabulary.tokenizer, lag=STREAM_LAG_TOKENS)
        self._begun: Decoded | None = None
        self._sent: Sequence[int] = ()
        self._language, self._language_probability = "", 0.0
        self._no_speech_probability = 0.0

    @property
    def wanted_context_s(self) -> float | None:
        """Seconds of context to encode before the next step, or None."""
        return self._attempt.context_s if self._state is None else None

    @property
    def language(self) -> str:
        """What the window is decoded as; "" until that is known."""
        return self._language

    def encoded(self, state: CrossState) -> None:
        """Take over the encoded window that was asked for."""
        self._state = state
        self._open(state)

    def _open(self, state: CrossState) -> None:
        """Begin the attempt: join, and feed what is known of the prompt."""
        self._row = self._kernel.join(state)
        tokenizer = self._vocabulary.tokenizer
        if self._language:
            begun = self._begun.tokens if self._begun else ()
            self._prompt = [*tokenizer.prompt(self._language), *begun]
        else:
            self._prompt = [tokenizer.sot]

    def feed(self) -> dict[int, list[int]]:
        """What to feed the kernel's rows in the next step."""
        if self._search is not None:
            return self._search.feed()
        assert self._row is not None
        return {self._row: self._prompt}

    def advance(self, logits: Mapping[int, LogitRow]) -> WindowResult | None:
        """Take the logits of the rows fed; returns the result when the window is done."""
        if self._search is None:
            assert self._row is not None
            if not self._language:
                if not self.hears_language(logits):
                    return None
                self._prompt = self._rest_of_prompt(self._row)
                if self._prompt:
                    return None
            self._search = self._begin_search(self._row)
            self._row = None
        decoded = self._search.advance(logits)
        return None if decoded is None else self._conclude(self._search, decoded)

    def _rest_of_prompt(self, row: int) -> list[int]:
        """What the first attempt is fed next; nothing if the first token is all of the prompt.

        A text before goes into a row of its own: language and silence are heard without it.
        """
        tokenizer = self._vocabulary.tokenizer
        prompt = tokenizer.prompt(self._language)
        previous = previous_tokens(self._options, self._language, tokenizer)
        if not previous:
            return prompt[1:]
        assert self._state is not None
        self._kernel.leave(row)
        self._row = self._kernel.join(self._state)
        return [*previous, *prompt]

    def hears_language(self, logits: Mapping[int, LogitRow]) -> bool:
        """Take the logits after the first token; False when the window must be encoded again."""
        assert self._row is not None
        self._identify(logits[self._row])
        if self._doubts_the_language():
            self._listen_again(self._row)
            return False
        return True

    def take_text(self) -> str:
        """Text that became final in the last step."""
        search = self._search
        if search is None:
            return ""
        mean = float(np.mean(search.logprobs)) if search.logprobs else -np.inf
        needed = self._policy.min_mean_logprob
        if self._no_speech_probability > self._policy.max_no_speech_probability:
            needed /= 2  # it may yet turn out to be silence: what is sent must be sure
        if mean < needed:
            return ""
        text = self._stream.take(search.tokens, search.texts)
        self._sent = search.tokens[: self._stream.n_final]
        return text

    def close(self) -> None:
        """Drop every row and window."""
        if self._search is not None:
            self._search.close()
        elif self._row is not None:
            self._kernel.leave(self._row)
        if self._state is not None:
            self._kernel.release(self._state)
        self._search, self._row, self._state = None, None, None

    def _identify(self, logits: LogitRow) -> None:
        """Language and absence of speech, from the logits after the first token."""
        tokenizer, options = self._vocabulary.tokenizer, self._options
        no_speech = tokenizer.no_timestamps - 1
        self._no_speech_probability = float(np.exp(logits[no_speech] - log_sum_exp(logits)))
        if not tokenizer.is_multilingual:
            self._language, self._language_probability = "en", 1.0
        elif options.language is not None:
            self._language, self._language_probability = options.language, 1.0
        else:
            self._detect_language(logits)

    def _detect_language(self, logits: LogitRow) -> None:
        probabilities = probabilities_of(logits, self._vocabulary.config.languages)
        best = max(probabilities, key=lambda code: probabilities[code])
        hint = self._options.language_hint
        if (
            hint is not None
            and hint in probabilities
            and probabilities[best] < SURE_OF_ANOTHER_LANGUAGE
        ):
            best = hint
        self._language, self._language_probability = best, probabilities[best]

    def _doubts_the_language(self) -> bool:
        """Whether to ask once more: nobody said what to expect, and the context was cut short."""
        is_told = self._options.language is not None or self._options.language_hint is not None
        is_short = self._attempt.context_s < FULL_CONTEXT_S
        return not is_told and is_short and self._language_probability < SURE_OF_THE_LANGUAGE

    def _listen_again(self, row: int) -> None:
        """Begin anew with the next attempt, which has the full context."""
        self._kernel.leave(row)
        self._row, self._language = None, ""
        self._try(next(self._attempts))

    def _begin_search(self, row: int) -> Search:
        attempt = self._attempt
        rules = self._vocabulary.rules(attempt.context_s, self._go_on_s, self._policy.max_tokens)
        limits = SearchLimits(
            self._vocabulary.tokenizer.eot, self._policy.token_cap(self._duration_s)
        )
        if attempt.temperature > 0 or (self._policy.beam_size == 1 and self._bias is None):
            return GreedySearch(
                self._kernel,
                row,
                rules,
                limits,
                temperature=attempt.temperature,
                begun=self._begun,
                bias=self._bias,
            )
        return BeamSearch(
            self._kernel,
            row,
            rules,
            limits,
            beam=self._policy.beam,
            begun=self._begun,
            bias=Biased(self._bias, self._policy.begun_phrases) if self._bias else None,
        )

    def _conclude(self, search: Search, decoded: Decoded) -> WindowResult | None:
        """The result, if it is believed or nothing is left to try; else the next attempt."""
        search.close()
        self._search = None
        self._results.append(decoded)
        n_final = self._stream.n_final
        if not n_final and self._policy.is_silence(
            self._no_speech_probability, decoded.mean_logprob
        ):
            return self.result_of(replace(decoded, tokens=(), logprobs=()))
        if self._believes(decoded):
            return self.result_of(decoded)
        following = next(self._attempts, None)
        if following is None:
            return self.result_of(self._best())
        if n_final:
            self._begun = replace(
                decoded, tokens=decoded.tokens[:n_final], logprobs=decoded.logprobs[:n_final]
            )
        self._try(following)
        return None

    def _try(self, following: Attempt) -> None:
        """Go on with another attempt, in a context of its own if its length differs."""
        assert self._state is not None
        if following.context_s != self._attempt.context_s:
            self._kernel.release(self._state)
            self._state = None
        self._attempt = following
        if self._state is not None:
            self._open(self._state)

    def _believes(self, decoded: Decoded) -> bool:
        tokens = self._vocabulary.tokenizer.text_tokens(decoded.tokens)
        return self._policy.believes(tokens, self._text(decoded), decoded.mean_logprob)

    def _text(self, decoded: Decoded) -> str:
        tokenizer = self._vocabulary.tokenizer
        return tokenizer.decode(tokenizer.text_tokens(decoded.tokens))

    def _best(self) -> Decoded:
        """The likeliest of the attempts that end and do not repeat; of a loop, the first round.

        Only attempts that begin with what the reader already has can be it. A loop whose rounds
        differ a little is none that `looping_from` finds, but nobody could say so much so fast.
        """
        eot, n_sent = self._vocabulary.tokenizer.eot, len(self._sent)
        results = [each for each in self._results if each.tokens[:n_sent] == tuple(self._sent)]
        ending = [
            each
            for each in results
            if looping_from(each.tokens, eot) is None
            and not each.is_cut
            and not self._policy.repeats(self._text(each), each.mean_logprob)
        ]
        best = max(ending or results, key=lambda decoded: decoded.mean_logprob)
        end = looping_from(best.tokens, eot)
        if end is None and self._policy.is_too_fast(self._text(best), self._duration_s):
            end = retelling_from(best.tokens, eot)
        if end is None:
            return best
        end = max(end, self._stream.n_final)
        return replace(best, tokens=best.tokens[:end], logprobs=best.logprobs[:end])

    def result_of(self, decoded: Decoded) -> WindowResult:
        """What is known of the window, with these tokens."""
        assert self._state is not None
        return WindowResult(
            decoded,
            self._language,
            self._language_probability,
            self._no_speech_probability,
            self._state,
            is_doubted=not all(map(self._believes, self._results)),
        )
