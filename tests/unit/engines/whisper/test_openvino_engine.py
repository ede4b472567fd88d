"""The engine's contract, on random weights: what it says means nothing, how it says it does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    Failed,
    Final,
    Hypothesis,
    Utterance,
)
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.openvino_engine import OpenVinoWhisper
from auricle.engines.whisper.policy import BiasStrength, DecodePolicy
from auricle.transcript.joining import join_texts

GREEDY = DecodePolicy(beam_size=1, temperatures=(0.0, 0.8), min_mean_logprob=-20, max_tokens=40)
BEAM = replace(GREEDY, beam_size=3)
EngineOf = Callable[[DecodePolicy], OpenVinoWhisper]


@pytest.fixture(scope="session")
def engine_of(random_checkpoint: Callable[[bool], Path]) -> EngineOf:
    @cache
    def of(policy: DecodePolicy) -> OpenVinoWhisper:
        return OpenVinoWhisper(random_checkpoint(True), policy, GraphOptions.exact(), slots=4)

    return of


@pytest.fixture(params=[GREEDY, BEAM], ids=["greedy", "beam"])
def engine(request: pytest.FixtureRequest, engine_of: EngineOf) -> Iterator[OpenVinoWhisper]:
    engine = engine_of(request.param)
    free = engine._kernel.free_places()
    yield engine
    assert engine._kernel.free_places() == free, "pages are left behind"


def noise(duration_s: float, seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    envelope = np.interp(
        np.arange(int(duration_s * 16_000)), np.arange(32) * 16_000, random.uniform(0, 0.3, 32)
    )
    waveform: NDArray[np.float32] = random.normal(size=len(envelope)) * envelope
    return waveform.astype(np.float32)


def drain(
    engine: OpenVinoWhisper, n_done: int, events: dict[int, list[DecodeEvent]] | None = None
) -> dict[int, list[DecodeEvent]]:
    """Step until so many utterances are done; `events` are those that came before."""
    events = {} if events is None else events
    for _ in range(5_000):
        for key, event in engine.step():
            events.setdefault(key, []).append(event)
        if sum(isinstance(e[-1], Final | Failed) for e in events.values()) == n_done:
            return events
    raise AssertionError("the engine does not come to an end")


def final(events: list[DecodeEvent]) -> Hypothesis:
    assert isinstance(events[-1], Final)
    return events[-1].hypothesis


def decode(engine: OpenVinoWhisper, waveform: NDArray[np.float32], **options: object) -> Hypothesis:
    engine.join(0, Utterance(waveform), DecodeOptions(**options))  # type: ignore[arg-type]
    return final(drain(engine, 1)[0])


def test_deltas_come_before_the_result_and_begin_its_text(engine: OpenVinoWhisper) -> None:
    for key in range(3):
        engine.join(key, Utterance(noise(3 + 5 * key, key)), DecodeOptions(language="en"))
    for events in drain(engine, 3).values():
        hypothesis = final(events)
        assert all(isinstance(event, Delta) for event in events[:-1])
        sent = "".join(event.text for event in events if isinstance(event, Delta))
        assert join_texts(part.text for part in hypothesis.segments).startswith(sent)


@pytest.mark.parametrize("policy", [GREEDY, BEAM], ids=["greedy", "beam"])
def test_text_is_sent_while_it_is_decoded(engine_of: EngineOf, policy: DecodePolicy) -> None:
    engine = engine_of(policy)
    engine.join(0, Utterance(noise(20)), DecodeOptions(language="de"))
    deltas = [event for event in drain(engine, 1)[0] if isinstance(event, Delta)]
    assert len(deltas) > 1
    assert {delta.language for delta in deltas} == {"de"}


@pytest.mark.parametrize(
    ("options", "wanted_s"),
    [
        (DecodeOptions(), 30.0),
        (DecodeOptions(language="en"), None),
        (DecodeOptions(language_hint="en"), None),
    ],
    ids=["unknown", "given", "expected"],
)
def test_doubtful_language_is_asked_for_again_in_the_full_context(
    engine_of: EngineOf, options: DecodeOptions, wanted_s: float | None
) -> None:
    """Random weights hold all languages about equally likely."""
    engine = engine_of(GREEDY)
    engine.join(0, Utterance(noise(3)), options)
    decoding = engine._live[0].decoding
    assert decoding.wanted_context_s == 15.0
    engine.step()
    assert decoding.wanted_context_s == wanted_s
    drain(engine, 1)


def test_segments_lie_in_the_utterance_in_order(engine: OpenVinoWhisper) -> None:
    hypothesis = decode(engine, noise(12.3))
    assert hypothesis.segments
    times = [t for part in hypothesis.segments for t in (part.start, part.end)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= hypothesis.end_s <= 12.3 + 1e-9
    assert all(0 <= (part.score or 0) <= 1 for part in hypothesis.segments)


def test_words_join_to_their_segments_and_lie_in_order(engine: OpenVinoWhisper) -> None:
    hypothesis = decode(engine, noise(9), words=True, language="en")
    assert any(part.words for part in hypothesis.segments)
    starts = [word.start for part in hypothesis.segments for word in part.words]
    assert starts == sorted(starts)
    for part in hypothesis.segments:
        assert all(0 <= word.start <= word.end <= 9 for word in part.words)


def test_utterances_together_are_the_utterances_alone(engine: OpenVinoWhisper) -> None:
    waveforms = [noise(2.5 + 3 * seed, seed) for seed in range(4)]
    alone = [decode(engine, waveform) for waveform in waveforms]
    early: dict[int, list[DecodeEvent]] = {}
    for key, waveform in enumerate(waveforms):
        engine.join(key, Utterance(waveform), DecodeOptions())
        for _ in range(2):
            for done, event in engine.step():
                early.setdefault(done, []).append(event)
    together = drain(engine, 4, early)
    for key, expected in enumerate(alone):
        assert [part.text for part in final(together[key]).segments] == [
            part.text for part in expected.segments
        ]


@pytest.mark.parametrize("steps", [0, 1, 2, 9])
def test_cancelled_utterance_is_forgotten_and_the_others_go_on(
    engine: OpenVinoWhisper, steps: int
) -> None:
    expected = decode(engine, noise(4, 1))
    engine.join(0, Utterance(noise(8)), DecodeOptions())
    engine.join(1, Utterance(noise(4, 1)), DecodeOptions())
    early = [event for _ in range(steps) for event in engine.step()]
    engine.cancel(0)
    engine.cancel(0)
    engine.cancel(77)
    events = drain(engine, 1)
    assert set(events) == {1}
    assert all(key in {0, 1} for key, _ in early)
    assert [s.text for s in final(events[1]).segments] == [s.text for s in expected.segments]


@pytest.mark.parametrize("n_samples", [0, 1, 160, 16_000, 480_000])
def test_any_length_is_decoded(engine: OpenVinoWhisper, n_samples: int) -> None:
    hypothesis = decode(engine, noise(30)[:n_samples])
    assert hypothesis.end_s <= n_samples / 16_000 + 1e-9


def test_language_is_detected_among_the_checkpoints(engine: OpenVinoWhisper) -> None:
    hypothesis = decode(engine, noise(5))
    assert hypothesis.language in engine.info.languages
    assert 0 < hypothesis.language_probability < 1


def test_hint_holds_unless_detection_is_sure(engine: OpenVinoWhisper) -> None:
    assert decode(engine, noise(5), language_hint="ja").language == "ja"


def test_given_language_is_used(engine: OpenVinoWhisper) -> None:
    hypothesis = decode(engine, noise(5), language="de")
    assert (hypothesis.language, hypothesis.language_probability) == ("de", 1.0)


def test_temperature_of_the_caller_is_one_repeatable_attempt(engine: OpenVinoWhisper) -> None:
    drawn = [decode(engine, noise(5), temperature=1.0) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0].segments != decode(engine, noise(5)).segments


def test_attempts_end_when_nothing_is_ever_believed(engine_of: EngineOf) -> None:
    engine = engine_of(replace(GREEDY, min_mean_logprob=0.0))
    hypothesis = decode(engine, noise(5))
    assert hypothesis.n_tokens <= GREEDY.max_tokens


def test_failed_attempt_keeps_the_text_that_is_already_out(engine_of: EngineOf) -> None:
    """Believing nothing, but sending from the first token on: the last attempt must agree."""
    engine = engine_of(replace(GREEDY, max_compression_ratio=0.0))
    engine.join(0, Utterance(noise(20)), DecodeOptions(language="en"))
    events = drain(engine, 1)[0]
    sent = "".join(event.text for event in events if isinstance(event, Delta))
    assert sent
    assert join_texts(part.text for part in final(events).segments).startswith(sent)


def test_silence_is_nothing(engine_of: EngineOf) -> None:
    engine = engine_of(replace(GREEDY, max_no_speech_probability=-1.0, min_mean_logprob=0.0))
    hypothesis = decode(engine, np.zeros(16_000, np.float32))
    assert (hypothesis.segments, hypothesis.end_s) == ((), 1.0)


def test_waveform_that_is_no_number_fails_and_the_engine_goes_on(engine: OpenVinoWhisper) -> None:
    engine.join(0, Utterance(np.full(16_000, np.nan, np.float32)), DecodeOptions())
    assert isinstance(drain(engine, 1)[0][-1], Failed)
    assert decode(engine, noise(3)).n_tokens > 0


def test_phrases_to_expect_are_heard(random_checkpoint: Callable[[bool], Path]) -> None:
    strong = replace(GREEDY, max_tokens=20, bias=BiasStrength(1e3, 1e3))
    engine = OpenVinoWhisper(random_checkpoint(True), strong, GraphOptions.exact(), slots=1)
    assert engine.info.context_bias
    biased = decode(engine, noise(3), context_bias=("quay",))
    assert "quay" in "".join(segment.text for segment in biased.segments).lower()
    plain = decode(engine, noise(3))
    assert "quay" not in "".join(segment.text for segment in plain.segments).lower()
    engine.close()


def test_english_only_checkpoint_needs_no_language(
    random_checkpoint: Callable[[bool], Path],
) -> None:
    engine = OpenVinoWhisper(random_checkpoint(False), GREEDY, GraphOptions.exact(), slots=1)
    assert engine.info.languages == ("en",)
    hypothesis = decode(engine, noise(6), words=True)
    assert hypothesis.language == "en"
    engine.close()


def test_close_lets_go_of_everything(engine: OpenVinoWhisper) -> None:
    engine.join(0, Utterance(noise(5)), DecodeOptions())
    engine.join(1, Utterance(noise(5)), DecodeOptions())
    engine.step()
    engine.close()
    assert engine.step() == []
