"""Placing a text that is known already, in real speech, with either engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auricle.audio.waveform import Waveform
from auricle.engines.protocol import DecodeOptions, Engine, Failed, Final, Hypothesis, Utterance
from auricle.engines.registry import ENGINES, EngineSpec
from auricle.settings import load
from auricle.transcript.joining import join_words
from auricle.transcript.model import Word
from harness.media import decode
from harness.speech import GERMAN, JFK


@pytest.fixture(scope="module", params=["openvino", "ctranslate2"])
def engine(request: pytest.FixtureRequest, whisper_base: Path) -> Iterator[Engine]:
    graphs = str(load()[0].cache_dir / "graphs")
    spec = EngineSpec(request.param, str(whisper_base), graphs_folder=graphs)
    engine = ENGINES[request.param](spec)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def jfk() -> Waveform:
    return decode(JFK.path)[0]


def hear(engine: Engine, waveform: Waveform, options: DecodeOptions) -> Hypothesis:
    assert engine.info.aligns
    engine.join(1, Utterance(waveform), options)
    for _ in range(400):
        for _, event in engine.step():
            assert not isinstance(event, Failed), event
            if isinstance(event, Final):
                return event.hypothesis
    raise AssertionError("no result")


def words_of(heard: Hypothesis) -> list[Word]:
    return [word for segment in heard.segments for word in segment.words]


def test_words_lie_where_they_are_said(engine: Engine, jfk: Waveform) -> None:
    heard = hear(engine, jfk, DecodeOptions(given_text=JFK.reference, words=True))
    words = words_of(heard)
    assert join_words(words) == JFK.reference
    assert heard.language == "en"
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    decoded = words_of(hear(engine, jfk, DecodeOptions(words=True)))
    starts = {word.text.strip(",.").lower(): word.start for word in decoded}
    found = {word.text.strip(",.").lower(): word.start for word in words}
    assert len(starts) > 10
    assert found == {word: pytest.approx(start, abs=0.5) for word, start in starts.items()}


def test_an_empty_text_asks_for_the_language_alone(engine: Engine) -> None:
    heard = hear(engine, decode(GERMAN.path)[0], DecodeOptions(given_text=""))
    assert (heard.language, heard.segments) == ("de", ())
    assert heard.language_probability > 0.8


def test_a_text_that_is_too_long_is_not_placed(engine: Engine, jfk: Waveform) -> None:
    endless = " ".join(["ask"] * 1000)
    heard = hear(engine, jfk, DecodeOptions(language="en", given_text=endless, words=True))
    assert heard.segments == ()
