from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.engines.whisper.decoding.streaming import (
    IncrementalDetokenizer,
    TextStream,
    repetition_start,
)
from auricle.engines.whisper.policy import retelling_start
from auricle.engines.whisper.segments import split_at_timestamps
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.transcript.joining import join_texts
from whisper.tokenizers import byte_tokens, write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> WhisperTokenizer:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, multilingual=True)
    return WhisperTokenizer(folder / "tokenizer.json")


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_pieces_are_whole_characters_and_join_to_the_text(
    text: str, tokenizer: WhisperTokenizer
) -> None:
    detokenizer = IncrementalDetokenizer(tokenizer)
    pieces = [detokenizer.push(token) for token in byte_tokens(text)]
    assert "".join(pieces) + detokenizer.flush() == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)


@given(raw=st.binary(max_size=40))
def test_bytes_that_are_no_text_do_not_block_the_stream(
    raw: bytes, tokenizer: WhisperTokenizer
) -> None:
    detokenizer = IncrementalDetokenizer(tokenizer)
    for token in raw:
        detokenizer.push(token)
        assert len(detokenizer._held) < 4


words = st.sampled_from([" one", " two,", " 三", "四", " ", "  ", " 🦞", "!", "é"])


@given(
    segments=st.lists(st.lists(words, min_size=1, max_size=5), min_size=1, max_size=4),
    lag=st.integers(0, 5),
)
def test_deltas_are_a_prefix_of_the_joined_segments(
    segments: list[list[str]], lag: int, tokenizer: WhisperTokenizer
) -> None:
    tokens: list[int] = []
    for i, segment in enumerate(segments):
        times = tokenizer.timestamp_begin + 10 * i, tokenizer.timestamp_begin + 10 * (i + 1)
        tokens += [times[0], *byte_tokens("".join(segment)), times[1]]
    stream = TextStream(tokenizer, lag=lag)
    sent = ""
    for n in range(1, len(tokens) + 1):
        piece = stream.take(tokens[:n], [tokens[:n]])
        assert "\ufffd" not in piece
        sent += piece
    cut, _ = split_at_timestamps(tokens, tokenizer, 30.0)
    text = join_texts(tokenizer.decode(part.tokens) for part in cut)
    assert text.startswith(sent)
    says_all_once = repetition_start(tokens) == len(tokens) and retelling_start(tokens) is None
    if lag == 0 and says_all_once:
        assert sent == text


@pytest.mark.parametrize(
    ("tokens", "start"),
    [
        ([1, 2, 3], 3),
        ([1, 2, 2], 3),
        ([1, 2, 2, 2], 2),
        ([9, 1, 2, 3, 1, 2, 3], 4),
        ([9, 1, 2, 3, 1, 2], 6),
    ],
)
def test_repetition_is_seen_from_its_second_round(tokens: list[int], start: int) -> None:
    assert repetition_start(tokens) == start


def test_text_of_a_loop_is_held_back(tokenizer: WhisperTokenizer) -> None:
    stream = TextStream(tokenizer, lag=0)
    tokens = [tokenizer.timestamp_begin, *byte_tokens(" so it goes")]
    sent = stream.take(tokens, [tokens])
    for _ in range(30):
        tokens += byte_tokens(" ha")
        sent += stream.take(tokens, [tokens])
    assert sent.count("ha") <= 2


def test_what_is_out_is_final(tokenizer: WhisperTokenizer) -> None:
    stream = TextStream(tokenizer, lag=2)
    assert stream.n_final == 0
    tokens = [tokenizer.timestamp_begin, *byte_tokens("abcd")]
    assert stream.take(tokens, [tokens]) == "ab"
    assert stream.n_final == 3


def test_what_all_texts_say_is_out_as_soon_as_they_are_ahead_of_it(
    tokenizer: WhisperTokenizer,
) -> None:
    stream = TextStream(tokenizer, lag=2)
    common = [tokenizer.timestamp_begin, *byte_tokens("abc")]
    texts = [[*common, *byte_tokens(rest)] for rest in ("d", "xyz")]
    assert stream.take(common, texts) == "ab"
    assert stream.take(common, [[*text, *byte_tokens("!")] for text in texts]) == "c"


def test_it_waits_while_one_of_them_is_in_a_loop(tokenizer: WhisperTokenizer) -> None:
    stream = TextStream(tokenizer, lag=0)
    common = [tokenizer.timestamp_begin, *byte_tokens("ha ha")]
    assert stream.take(common, [[*common, *byte_tokens("tter")]]) == "ha ha"
    stream = TextStream(tokenizer, lag=0)
    looping = [*common, *byte_tokens(" ha")]
    assert stream.take(common, [[*common, *byte_tokens("tte")], looping]) == "ha"
