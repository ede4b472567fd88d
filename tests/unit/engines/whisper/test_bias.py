"""What a text gains by the phrases it says, and gives back where it leaves them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.engines.whisper.decoding.bias import Biases, ContextBias
from auricle.engines.whisper.policy import BiasStrength
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from whisper.tokenizers import write_tokenizer

FIRST, FOLLOWING = 0.5, 2.0
STRENGTH = BiasStrength(FIRST, FOLLOWING)

BiasOf = Callable[..., ContextBias]


@pytest.fixture(scope="module")
def n_vocab(tmp_path_factory: pytest.TempPathFactory) -> int:
    return write_tokenizer(tmp_path_factory.getbasetemp() / "bias", multilingual=True)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory, n_vocab: int) -> WhisperTokenizer:
    folder: Path = tmp_path_factory.getbasetemp() / "bias"
    return WhisperTokenizer(folder / "tokenizer.json")


@pytest.fixture(scope="module")
def bias_of(tokenizer: WhisperTokenizer, n_vocab: int) -> BiasOf:
    biases = Biases(tokenizer, n_vocab, STRENGTH)

    def of(*phrases: str) -> ContextBias:
        bias = biases.of(phrases)
        assert bias is not None
        return bias

    return of


@pytest.fixture(scope="module")
def gain(tokenizer: WhisperTokenizer, n_vocab: int) -> Callable[[ContextBias, str], float]:
    """What the bias adds to a whole text and its end; tokens are bytes here."""

    def of(bias: ContextBias, text: str) -> float:
        tokens = [tokenizer.timestamp_begin, *tokenizer.encode(text), tokenizer.eot]
        zeros = np.zeros(n_vocab, np.float32)
        return float(sum(bias.favour(zeros, tokens[:i])[token] for i, token in enumerate(tokens)))

    return of


Gain = Callable[[ContextBias, str], float]


def said(form: str) -> float:
    """What a whole phrase gains in this form."""
    return FIRST + FOLLOWING * (len(form.encode()) - 1)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (" the cat sat", " cat"),
        (" the Cat", " Cat"),
        (" CAT.", " CAT"),
        ('a "cat"', "cat"),
        (" cat's", " cat"),
        (" cat, dog", " cat"),
    ],
)
def test_a_phrase_that_is_said_keeps_what_it_gained(
    bias_of: BiasOf, gain: Gain, text: str, form: str
) -> None:
    assert gain(bias_of("cat"), text) == pytest.approx(said(form))


@pytest.mark.parametrize("text", [" cats", " concat", "concat", " ca", " c", " dog", " cot", ""])
def test_a_phrase_that_is_left_gives_everything_back(
    bias_of: BiasOf, gain: Gain, text: str
) -> None:
    assert gain(bias_of("cat"), text) == pytest.approx(0)


def test_a_longer_phrase_that_fails_leaves_the_shorter_one(bias_of: BiasOf, gain: Gain) -> None:
    bias = bias_of("new york", "new york city")
    assert gain(bias, " new york cit ") == pytest.approx(said(" new york"))
    assert gain(bias, " new york citys") == pytest.approx(said(" new york"))
    assert gain(bias, " new york city ") == pytest.approx(said(" new york city"))
    assert gain(bias, " new yorker") == pytest.approx(0)


def test_a_phrase_inside_the_beginning_of_another(bias_of: BiasOf, gain: Gain) -> None:
    assert gain(bias_of("new york", "york mill"), " new york mill ") > said(" york mill")
    assert gain(bias_of("to be sure", "be good"), " to be good ") == pytest.approx(said(" be good"))


def test_scripts_without_spaces_have_no_edges(bias_of: BiasOf, gain: Gain) -> None:
    assert gain(bias_of("東京"), "私は東京都") == pytest.approx(said("東京"))


def test_scores_are_not_changed_in_place(bias_of: BiasOf, n_vocab: int) -> None:
    scores = np.zeros(n_vocab, np.float32)
    assert bias_of("cat").favour(scores, []).any()
    assert not scores.any()


def test_forbidden_tokens_stay_forbidden(bias_of: BiasOf, n_vocab: int) -> None:
    scores = np.full(n_vocab, -np.inf, np.float32)
    assert (bias_of("cat").favour(scores, []) == -np.inf).all()


@given(text=st.text(alphabet="abc '", max_size=12))
def test_nothing_is_lent_for_ever(bias_of: BiasOf, gain: Gain, text: str) -> None:
    bias = bias_of("ab", "abc", "b c", "cab")
    assert gain(bias, text) >= -1e-3
    if not any(phrase in text for phrase in ("ab", "abc", "b c", "cab")):
        assert gain(bias, text) == pytest.approx(0, abs=1e-3)


def test_tries_are_built_once_for_a_list(tokenizer: WhisperTokenizer, n_vocab: int) -> None:
    biases = Biases(tokenizer, n_vocab, STRENGTH)
    assert biases.of(()) is None
    assert biases.of(("cat",)) is biases.of(("cat",))
