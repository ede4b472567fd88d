"""The engine on real weights and real speech."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auricle.audio.decode import Decoder
from auricle.audio.decode_limits import DecodeLimits
from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.engines.protocol import DecodeOptions, Final, Hypothesis, Utterance
from auricle.engines.whisper.ctranslate2_engine import CTranslate2Whisper
from auricle.engines.whisper.policy import DecodePolicy
from auricle.settings import load
from auricle.transcript.joining import join_words
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable
from harness.speech import JFK


@pytest.fixture(scope="module")
def engine() -> Iterator[CTranslate2Whisper]:
    settings, _ = load()
    store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
    folder = store.resolve(ModelTable.load().configured("whisper-base"))
    engine = CTranslate2Whisper(folder, DecodePolicy())
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def jfk() -> Waveform:
    with JFK.path.open("rb") as file:
        return np.concatenate(list(Decoder(file, DecodeLimits()).blocks()))


def decode(
    engine: CTranslate2Whisper, waveform: Waveform, options: DecodeOptions | None = None
) -> Hypothesis:
    engine.join(1, Utterance(waveform), options or DecodeOptions())
    ((key, event),) = engine.step()
    assert key == 1
    assert isinstance(event, Final), event
    return event.hypothesis


def text(hypothesis: Hypothesis) -> str:
    return " ".join(segment.text for segment in hypothesis.segments)


def test_speech_has_its_words_and_language(engine: CTranslate2Whisper, jfk: Waveform) -> None:
    hypothesis = decode(engine, jfk)
    assert "what your country can do for you" in text(hypothesis)
    assert hypothesis.language == "en"
    assert hypothesis.language_probability > 0.5


def test_words_are_timed_and_make_up_their_segments(
    engine: CTranslate2Whisper, jfk: Waveform
) -> None:
    hypothesis = decode(engine, jfk, DecodeOptions(words=True))
    for segment in hypothesis.segments:
        assert join_words(segment.words) == segment.text
    times = [t for s in hypothesis.segments for w in s.words for t in (w.start, w.end)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= len(jfk) / SAMPLE_RATE


def test_what_is_doubted_is_decoded_the_same_each_time(
    engine: CTranslate2Whisper, jfk: Waveform, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = np.zeros(SAMPLE_RATE, np.float32)
    repeated = np.concatenate([jfk, pause, jfk])
    monkeypatch.setattr(engine, "_policy", DecodePolicy(min_mean_logprob=0.0))  # believes nothing
    assert text(decode(engine, repeated)) == text(decode(engine, repeated))


def test_a_hint_decides_what_is_not_sure(engine: CTranslate2Whisper) -> None:
    faint = np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE).astype(np.float32) * 1e-3
    hypothesis = decode(engine, faint, DecodeOptions(language_hint="de"))
    assert hypothesis.language == "de"


def test_a_callers_language_is_not_questioned(engine: CTranslate2Whisper, jfk: Waveform) -> None:
    hypothesis = decode(engine, jfk, DecodeOptions(language="de"))
    assert (hypothesis.language, hypothesis.language_probability) == ("de", 1.0)


def test_a_cancelled_utterance_is_not_decoded(engine: CTranslate2Whisper, jfk: Waveform) -> None:
    engine.join(1, Utterance(jfk), DecodeOptions())
    engine.cancel(1)
    assert engine.step() == []


def test_a_text_may_have_as_many_tokens_as_the_policy_says(
    whisper_base: Path, jfk: Waveform
) -> None:
    engine = CTranslate2Whisper(whisper_base, DecodePolicy(max_tokens=40))
    assert decode(engine, jfk).n_tokens > 20
    assert text(decode(engine, jfk)).endswith("what you can do for your country.")
    engine.close()
