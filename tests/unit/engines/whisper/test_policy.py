"""When a decoding is believed."""

from hypothesis import given
from hypothesis import strategies as st

from auricle.engines.whisper.policy import DecodePolicy, compression_ratio, is_loop, loop_start

POLICY = DecodePolicy()


def test_temperatures_rise() -> None:
    assert POLICY.attempts(None) == POLICY.attempts(0) == (0.0, 0.4, 0.8)


def test_a_callers_temperature_is_used_as_it_is() -> None:
    assert POLICY.attempts(0.3) == (0.3,)


def test_the_token_cap_grows_with_the_speech_and_ends_at_the_models_own() -> None:
    assert POLICY.token_cap(0.1) < POLICY.token_cap(3) < POLICY.token_cap(30) == 224


def test_a_loop_is_found_and_cut_to_one_round() -> None:
    tokens = [1, 2, 3] + [7, 8] * 6
    assert is_loop(tokens)
    assert tokens[: loop_start(tokens)] == [1, 2, 3, 7, 8]


def test_anaphora_is_no_loop() -> None:
    tokens = [1, 2, 3, 4, 50, 1, 2, 3, 4, 60, 1, 2, 3, 4, 70, 1, 2, 3, 4, 80]
    assert not is_loop(tokens)


def test_three_equal_words_are_no_loop() -> None:
    assert not is_loop([5, 9, 9, 9])


@given(st.lists(st.integers(0, 5), max_size=60))
def test_what_is_cut_off_repeats_what_is_kept(tokens: list[int]) -> None:
    start = loop_start(tokens)
    if start is not None:
        cut = len(tokens) - start
        assert cut >= 8
        assert any(tokens[start:] == tokens[start - p : len(tokens) - p] for p in range(1, 25))


def test_repetition_compresses() -> None:
    assert compression_ratio("the next " * 50) > 3 > compression_ratio("It was a bright cold day.")
    assert compression_ratio("") == 0


def test_what_repeats_is_believed_only_of_a_sure_model() -> None:
    refrain = "it was the age of wisdom, it was the age of folly, it was the age of reason, " * 2
    assert POLICY.max_unsure_compression_ratio < compression_ratio(refrain)
    assert compression_ratio(refrain) < POLICY.max_compression_ratio
    tokens = list(range(60))
    assert POLICY.believes(tokens, refrain, mean_logprob=-0.2)
    assert not POLICY.believes(tokens, refrain, mean_logprob=-0.8)


def test_a_model_sure_of_silence_must_be_sure_of_its_text() -> None:
    assert not POLICY.is_silence(0.5, -2.0)
    assert POLICY.is_silence(0.7, -1.2)
    assert not POLICY.is_silence(0.7, -0.8)
    assert POLICY.is_silence(0.9, -0.8)
    assert not POLICY.is_silence(0.9, -0.3)
