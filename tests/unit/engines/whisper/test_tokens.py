"""Tokens to text, segments and words."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.engines.whisper.segments import split_at_timestamps
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.engines.whisper.word_times import words_of
from auricle.transcript.joining import join_words


def encode(tokenizer: WhisperTokenizer, text: str) -> list[int]:
    return list(tokenizer._tokenizer.encode(text, add_special_tokens=False).ids)


def at(tokenizer: WhisperTokenizer, seconds: float) -> int:
    return tokenizer.timestamp_begin + round(seconds / 0.02)


def test_the_prompt_names_language_and_task(tokenizer: WhisperTokenizer) -> None:
    tokens = [tokenizer.token(token) for token in tokenizer.prompt("de")]
    assert tokens == ["<|startoftranscript|>", "<|de|>", "<|transcribe|>"]


def test_two_letter_codes_stand_for_whispers_own(tokenizer: WhisperTokenizer) -> None:
    assert tokenizer.token(tokenizer.language_token("jv")) == "<|jw|>"
    assert tokenizer.language_of("<|jw|>") == "jv"
    assert tokenizer.language_of("<|haw|>") == "haw"
    with pytest.raises(ValueError, match="no token"):
        tokenizer.language_token("xx")


def test_special_tokens_and_timestamps_are_no_text(tokenizer: WhisperTokenizer) -> None:
    tokens = [
        *tokenizer.prompt("en"),
        at(tokenizer, 0),
        *encode(tokenizer, " Hello"),
        tokenizer.eot,
    ]
    assert tokenizer.decode(tokens) == " Hello"


@given(text=st.text(alphabet="ab 你é🎉ß", min_size=1, max_size=12))
def test_pieces_are_whole_characters_and_all_of_them(
    tokenizer: WhisperTokenizer, text: str
) -> None:
    tokens = encode(tokenizer, text)
    pieces = list(tokenizer.pieces(tokens))
    assert "".join(piece for piece, _ in pieces) == tokenizer.decode(tokens)
    assert sum(length for _, length in pieces) == len(tokens)
    assert "\ufffd" not in "".join(piece for piece, _ in pieces)


def test_segments_are_cut_at_timestamps(tokenizer: WhisperTokenizer) -> None:
    one, two = encode(tokenizer, " One."), encode(tokenizer, " Two.")
    pair = [at(tokenizer, 2.4), at(tokenizer, 2.4)]
    tokens = [at(tokenizer, 0), *one, *pair, *two, at(tokenizer, 5), tokenizer.eot]
    segments, end_s = split_at_timestamps(tokens, tokenizer, 30)
    assert [(s.start_s, s.end_s) for s in segments] == [(0, pytest.approx(2.4)), (2.4, 5)]
    assert [tokenizer.decode(s.tokens) for s in segments] == [" One.", " Two."]
    assert end_s == 5


def test_a_last_pair_says_where_the_text_ends(tokenizer: WhisperTokenizer) -> None:
    one = encode(tokenizer, " One.")
    pair = [at(tokenizer, 2.4), at(tokenizer, 2.4)]
    segments, end_s = split_at_timestamps([at(tokenizer, 0), *one, *pair], tokenizer, 30)
    assert len(segments) == 1
    assert end_s == pytest.approx(2.4)


def test_text_without_a_closing_timestamp_reaches_to_the_end(tokenizer: WhisperTokenizer) -> None:
    tokens = [at(tokenizer, 1), *encode(tokenizer, " One.")]
    segments, end_s = split_at_timestamps(tokens, tokenizer, 7.5)
    assert [(s.start_s, s.end_s) for s in segments] == [(1, 7.5)]
    assert end_s == 7.5


def test_no_time_lies_behind_the_speech_or_runs_backwards(tokenizer: WhisperTokenizer) -> None:
    one, two = encode(tokenizer, " One."), encode(tokenizer, " Two.")
    times = [at(tokenizer, 4), *one, at(tokenizer, 3), at(tokenizer, 2), *two, at(tokenizer, 29)]
    segments, end_s = split_at_timestamps(times, tokenizer, 10)
    edges = [edge for s in segments for edge in (s.start_s, s.end_s)]
    assert edges == sorted(edges)
    assert end_s == 10


def words(tokenizer: WhisperTokenizer, text: str, language: str) -> list[tuple[str, bool]]:
    tokens = encode(tokenizer, text)
    edges = np.linspace(0, len(tokens), len(tokens) + 1)
    found = words_of(tokens, edges, [0.5] * len(tokens), tokenizer, language)
    assert join_words(found) == text.strip()
    assert all(a.end <= b.start for a, b in pairwise(found))
    return [(word.text, word.glued) for word in found]


def test_punctuation_and_numbers_belong_to_words(tokenizer: WhisperTokenizer) -> None:
    found = words(tokenizer, ' He said: "Room 101, at 50%?" Well...', "en")
    assert [word for word, _ in found] == [
        "He",
        "said:",
        '"Room',
        "101,",
        "at",
        '50%?"',
        "Well...",
    ]


def test_languages_without_spaces_have_words_of_characters(tokenizer: WhisperTokenizer) -> None:
    found = words(tokenizer, "你好,世界。", "zh")
    assert [glued for _, glued in found] == [False] + [True] * (len(found) - 1)
    assert len(found) >= 2


@given(text=st.text(alphabet="ab .,?-'\"你", max_size=20))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_make_up_their_segment(tokenizer: WhisperTokenizer, language: str, text: str) -> None:
    tokens = encode(tokenizer, text)
    edges = np.linspace(0, len(tokens), len(tokens) + 1)
    found = words_of(tokens, edges, [0.5] * len(tokens), tokenizer, language)
    assert "".join(join_words(found).split()) == "".join(text.split())


@given(text=st.text(alphabet="ab <|>0.en", max_size=20))
def test_every_text_is_encoded_as_text(tokenizer: WhisperTokenizer, text: str) -> None:
    for written in (text, f"<|endoftext|>{text}<|en|>", f"<|0.00|>{text}"):
        tokens = tokenizer.encode(written)
        assert all(token < tokenizer.eot for token in tokens)
        assert tokenizer.decode(tokens) == written


def test_text_without_special_tokens_is_encoded_as_it_was(tokenizer: WhisperTokenizer) -> None:
    text = " He said: a < b | c <b> you? 你好"
    assert tokenizer.encode(text) == encode(tokenizer, text)
