"""The text before an utterance: what of it is fed, and what it changes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.audio.waveform import Waveform
from auricle.engines.protocol import DecodeOptions, Engine, Failed, Final, Hypothesis, Utterance
from auricle.engines.registry import ENGINES, EngineSpec
from auricle.engines.whisper.ctranslate2_engine import CTranslate2Whisper
from auricle.engines.whisper.decoding.previous_text import MAX_PREVIOUS_TOKENS, previous_tokens
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.openvino_engine import OpenVinoWhisper
from auricle.engines.whisper.policy import DecodePolicy
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.processor import has_int8_dot
from auricle.settings import load
from harness.media import decode
from harness.speech import GERMAN, JFK, Clip

GREEDY = DecodePolicy(beam_size=1, temperatures=(0.0, 0.8), min_mean_logprob=-20, max_tokens=40)
BEAM = replace(GREEDY, beam_size=3)
SMALL_LETTERS = (
    "hello world this is all in small letters and without any marks so it goes on and on"
)
TEXTS = ("", "One two.", "quay " * 300, "<|endoftext|><|de|>", "ein Satz")


def noise(duration_s: float, seed: int) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return (random.normal(size=int(duration_s * 16_000)) * 0.2).astype(np.float32)


def hear(
    engine: Engine, asked: Sequence[tuple[NDArray[np.float32], DecodeOptions]]
) -> list[Hypothesis]:
    """What is heard in all of them together."""
    for key, (waveform, options) in enumerate(asked):
        engine.join(key, Utterance(waveform), options)
    done: dict[int, Hypothesis] = {}
    for _ in range(5_000):
        for key, event in engine.step():
            assert not isinstance(event, Failed), event
            if isinstance(event, Final):
                done[key] = event.hypothesis
        if len(done) == len(asked):
            return [done[key] for key in sorted(done)]
    raise AssertionError("the engine does not come to an end")


def text_of(hypothesis: Hypothesis) -> str:
    return " ".join(segment.text for segment in hypothesis.segments)


class Fed:
    """What the engine's rows are fed, step by step."""

    def __init__(self, engine: OpenVinoWhisper, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens: list[list[int]] = []
        step = engine._kernel.step

        def watched(feed: Mapping[int, Sequence[int]]) -> NDArray[np.float32]:
            self.tokens += [list(tokens) for tokens in feed.values()]
            return step(feed)

        monkeypatch.setattr(engine._kernel, "step", watched)


@pytest.fixture(scope="module")
def engine_of(
    random_checkpoint: Callable[[bool], Path],
) -> Iterator[Callable[..., OpenVinoWhisper]]:
    """An engine on random weights; the same one for all tests that want such a one."""
    engines: list[OpenVinoWhisper] = []

    @cache
    def of(
        policy: DecodePolicy, options: GraphOptions | None = None, *, multilingual: bool = True
    ) -> OpenVinoWhisper:
        folder, options = random_checkpoint(multilingual), options or GraphOptions.exact()
        engines.append(OpenVinoWhisper(folder, policy, options, slots=len(TEXTS)))
        return engines[-1]

    yield of
    for engine in engines:
        assert not engine._kernel._rows, "rows are left behind"
        engine.close()


# what is fed


def test_the_end_of_a_long_text_is_kept(tokenizer: WhisperTokenizer) -> None:
    text = " ".join(map(str, range(2_000)))
    first, *rest = previous_tokens(DecodeOptions(previous_text=text), "en", tokenizer)
    assert first == tokenizer.previous
    assert len(rest) == MAX_PREVIOUS_TOKENS
    assert tokenizer.decode(rest).endswith(" 1998 1999")


def test_what_is_spelt_like_a_special_token_is_text(tokenizer: WhisperTokenizer) -> None:
    text = "<|startoftranscript|><|de|> <|1.00|> a <| b <<||>"
    _, *rest = previous_tokens(DecodeOptions(previous_text=text), "en", tokenizer)
    assert max(rest) < tokenizer.eot
    assert tokenizer.decode(rest) == f" {text}"


@pytest.mark.parametrize("text", ["", " \n "])
def test_a_text_of_blanks_is_none(tokenizer: WhisperTokenizer, text: str) -> None:
    assert previous_tokens(DecodeOptions(previous_text=text), "en", tokenizer) == []


def test_a_text_in_another_language_is_left_out(tokenizer: WhisperTokenizer) -> None:
    options = DecodeOptions(previous_text="Hello.", language_hint="en")
    assert previous_tokens(options, "en", tokenizer)
    assert previous_tokens(options, "de", tokenizer) == []


@pytest.mark.parametrize("multilingual", [True, False])
def test_the_text_stands_before_the_whole_prompt_of_the_first_attempt_alone(
    engine_of: Callable[..., OpenVinoWhisper],
    monkeypatch: pytest.MonkeyPatch,
    multilingual: bool,
) -> None:
    engine = engine_of(replace(GREEDY, min_mean_logprob=0.0), multilingual=multilingual)
    fed = Fed(engine, monkeypatch)
    options = DecodeOptions(previous_text="One.", language="en")
    (heard,) = hear(engine, [(noise(5, 0), options)])
    tokenizer = engine._vocabulary.tokenizer
    prompt = tokenizer.prompt("en")
    assert fed.tokens[:2] == [
        [tokenizer.sot],
        [tokenizer.previous, *tokenizer.encode(" One."), *prompt],
    ]
    assert sum(tokenizer.previous in tokens for tokens in fed.tokens) == 1
    assert sum(tokens[: len(prompt)] == prompt for tokens in fed.tokens[1:]) >= 1
    assert heard.is_doubted


def test_language_and_silence_are_heard_without_it(
    engine_of: Callable[..., OpenVinoWhisper],
) -> None:
    engine = engine_of(GREEDY)
    plain, told = (
        hear(engine, [(noise(5, 0), DecodeOptions(previous_text=text))])[0]
        for text in ("", "quay " * 9)
    )
    assert text_of(plain) != text_of(told)
    assert plain.no_speech_probability == told.no_speech_probability
    assert (plain.language, plain.language_probability) == (
        told.language,
        told.language_probability,
    )


def test_the_longest_text_leaves_room_for_all_tokens(
    engine_of: Callable[..., OpenVinoWhisper],
) -> None:
    engine = engine_of(replace(GREEDY, max_tokens=224))
    options = DecodeOptions(language="en", previous_text="quay " * 300, temperature=1.5)
    (heard,) = hear(engine, [(noise(30, 0), options)])
    assert heard.n_tokens == 224


@pytest.mark.parametrize("options", [GraphOptions.exact(), GraphOptions.fastest()])
@pytest.mark.parametrize("policy", [GREEDY, BEAM], ids=["greedy", "beam"])
def test_utterances_with_texts_together_are_the_utterances_alone(
    engine_of: Callable[..., OpenVinoWhisper], policy: DecodePolicy, options: GraphOptions
) -> None:
    engine = engine_of(policy, options)
    asked = [
        (noise(4 + 3 * seed, seed), DecodeOptions(previous_text=text, words=True))
        for seed, text in enumerate(TEXTS)
    ]
    alone = [hear(engine, [one])[0] for one in asked]
    assert hear(engine, asked) == alone


# what it changes, on real weights


@pytest.fixture(scope="module", params=["openvino", "ctranslate2"])
def real_engine(request: pytest.FixtureRequest, whisper_base: Path) -> Iterator[Engine]:
    graphs = str(load()[0].cache_dir / "graphs")
    engine = ENGINES[request.param](
        EngineSpec(request.param, str(whisper_base), graphs_folder=graphs)
    )
    yield engine
    engine.close()


def may_miss_the_first_word(engine: Engine) -> bool:
    """CTranslate2 passes over the "And" of JFK where its bytes are multiplied without VNNI."""
    return isinstance(engine, CTranslate2Whisper) and not has_int8_dot()


def waveform(clip: Clip) -> Waveform:
    return decode(clip.path)[0]


def test_a_text_in_small_letters_is_gone_on_with(real_engine: Engine) -> None:
    jfk = waveform(JFK)
    plain, told = (
        text_of(hear(real_engine, [(jfk, DecodeOptions(previous_text=text))])[0])
        for text in ("", SMALL_LETTERS)
    )
    words = plain.replace(",", "").replace(".", "")
    assert words.startswith("And so my fellow Americans")
    assert words != plain
    expected = {words.lower()}
    if may_miss_the_first_word(real_engine):
        expected.add(words.lower().removeprefix("and "))
    if isinstance(real_engine, CTranslate2Whisper):  # on some processors a name keeps its capital
        told = told.replace("Americans", "americans")
    assert told in expected


def test_words_are_placed_as_without_it(real_engine: Engine) -> None:
    jfk = waveform(JFK)
    starts: list[list[float]] = []
    for text in ("", SMALL_LETTERS):
        (heard,) = hear(real_engine, [(jfk, DecodeOptions(previous_text=text, words=True))])
        starts.append([word.start for segment in heard.segments for word in segment.words])
    n_words = min(map(len, starts))
    assert max(map(len, starts)) - n_words <= may_miss_the_first_word(real_engine)
    apart = np.abs(np.subtract(starts[0][-n_words:], starts[1][-n_words:]))
    assert np.median(apart) <= 0.02  # a position of the encoder


def test_a_recording_in_another_language_is_not_translated(real_engine: Engine) -> None:
    options = DecodeOptions(previous_text=SMALL_LETTERS, language_hint="en")
    (heard,) = hear(real_engine, [(waveform(GERMAN), options)])
    assert heard.language == "de"
    assert text_of(heard) == GERMAN.reference
    assert not heard.is_doubted
