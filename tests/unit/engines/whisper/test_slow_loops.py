"""Text that tells itself again with small changes, which is no loop to the letter."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import DecodeOptions, Utterance
from auricle.engines.whisper.decoding.context import ContextPolicy
from auricle.engines.whisper.decoding.rules import LogitRow
from auricle.engines.whisper.decoding.streaming import TextStream
from auricle.engines.whisper.decoding.window import (
    STREAM_LAG_TOKENS,
    Vocabulary,
    WindowDecoding,
    WindowResult,
)
from auricle.engines.whisper.generation_config import GenerationConfig
from auricle.engines.whisper.policy import DecodePolicy, is_loop, retelling_start
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.engines.whisper.window_places import CrossState

DINNERS = " it was here that most magnificent dinners were arranged,"
DISHES = " it was here that extraordinary dishes were cooked by famous men,"
LOBSTER = " it was here that lobster reached its highest perfection, and"
TOLD_ONCE = DINNERS + DISHES + LOBSTER
RETOLD = TOLD_ONCE + DINNERS + DISHES + LOBSTER + DINNERS + DINNERS + DISHES + DINNERS + " and"


class SaidBy:
    """A kernel's rows that all go on with one text, whatever the search would like to try."""

    def __init__(self, text: list[int], n_vocab: int, eot: int) -> None:
        self._text, self._n_vocab = [*text, eot], n_vocab
        self._n_said: dict[int, int] = {}
        self._n_rows = 0

    def join(self, state: CrossState) -> int:
        self._n_rows += 1
        self._n_said[self._n_rows] = -1
        return self._n_rows

    def fork(self, row: int) -> int:
        self._n_rows += 1
        self._n_said[self._n_rows] = self._n_said[row]
        return self._n_rows

    def leave(self, row: int) -> None:
        del self._n_said[row]

    def release(self, state: CrossState) -> None:
        """Nothing is kept."""

    def step(self, feed: dict[int, list[int]]) -> dict[int, LogitRow]:
        logits = {}
        for row in feed:
            self._n_said[row] += 1
            scores = np.full(self._n_vocab, -10.0, np.float32)
            scores[self._text[min(self._n_said[row], len(self._text) - 1)]] = 30.0
            logits[row] = scores
        return logits


def decode(folder: Path, text: str, duration_s: float) -> str:
    tokenizer = WhisperTokenizer(folder / "tokenizer.json")
    vocabulary = Vocabulary(tokenizer, GenerationConfig.read(folder, tokenizer))
    begin = tokenizer.timestamp_begin
    tokens = [begin, *tokenizer.encode(text), begin + round(duration_s / 0.02)]
    rows = SaidBy(tokens, begin + 1501, tokenizer.eot)
    options = DecodeOptions(language="en")
    utterance = Utterance(np.zeros(round(duration_s * SAMPLE_RATE), np.float32))
    window = WindowDecoding(
        rows, vocabulary, DecodePolicy(), ContextPolicy(), options=options, utterance=utterance
    )
    result: WindowResult | None = None
    while result is None:
        if window.wanted_context_s is not None:
            window.encoded(CrossState(place=0, n_positions=round(50 * window.wanted_context_s)))
        result = window.advance(rows.step(window.feed()))
    window.close()
    return tokenizer.decode(tokenizer.text_tokens(result.decoded.tokens))


def test_text_nobody_can_say_so_fast_ends_where_it_is_told_again(whisper_base: Path) -> None:
    assert decode(whisper_base, RETOLD, duration_s=10) == TOLD_ONCE


def test_text_that_may_have_been_said_twice_stays(whisper_base: Path) -> None:
    assert decode(whisper_base, RETOLD, duration_s=29) == RETOLD


def test_it_is_no_loop_to_the_letter(whisper_base: Path) -> None:
    tokenizer = WhisperTokenizer(whisper_base / "tokenizer.json")
    assert not is_loop(tokenizer.encode(RETOLD))
    assert not is_loop([*tokenizer.encode(RETOLD), *range(5)])


def test_deltas_wait_soon_after_text_is_told_again(whisper_base: Path) -> None:
    tokenizer = WhisperTokenizer(whisper_base / "tokenizer.json")
    tokens = [tokenizer.timestamp_begin, *tokenizer.encode(RETOLD)]
    stream, sent = TextStream(tokenizer, lag=STREAM_LAG_TOKENS), ""
    for n in range(len(tokens)):
        sent += stream.take(tokens[:n], [tokens[:n]])
    assert sent.startswith(TOLD_ONCE.strip())
    assert len(sent) < len(TOLD_ONCE + DINNERS + DISHES)


@pytest.mark.parametrize("n_same", [1, 3])
@given(tokens=st.lists(st.integers(0, 3), max_size=40))
def test_what_begins_there_stands_before(n_same: int, tokens: list[int]) -> None:
    start = retelling_start(tokens, n_same=n_same)
    told = [tuple(tokens[i : i + n_same]) for i in range(len(tokens) - n_same + 1)]
    again = [i for i in range(len(told)) if told[i] in told[: max(0, i - n_same + 1)]]
    assert start == (again[0] if again else None)
