"""What becomes of a window whose language may change.

On random weights the change is made up; on real ones it is heard.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.engines.protocol import DecodeOptions, Failed, Final, Hypothesis, Utterance
from auricle.engines.whisper import language_listener
from auricle.engines.whisper.decoding.languages import Probabilities, SuspectedChange
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.language_listener import LanguageListener
from auricle.engines.whisper.openvino_engine import OpenVinoWhisper
from auricle.engines.whisper.policy import DecodePolicy
from auricle.engines.whisper.window_places import CrossState
from auricle.errors import EngineFailed
from harness.speech import ASK_NOT, GERMAN, RESTAURANT, Clip
from waveforms import read_waveform

SLOTS = 3
PAUSE = 9_600  # samples
POLICY = DecodePolicy(beam_size=1, temperatures=(0.0,), min_mean_logprob=-20, max_tokens=20)
FIRST_SIDE = SuspectedChange(6.0, (0.0, 6.0), "de")
SECOND_SIDE = SuspectedChange(12.0, (12.0, 20.0), "en")
SIDES = pytest.mark.parametrize("change", [FIRST_SIDE, SECOND_SIDE], ids=["first", "second"])


@pytest.fixture(scope="module")
def shared_engine(random_checkpoint: Callable[[bool], Path]) -> Iterator[OpenVinoWhisper]:
    engine = OpenVinoWhisper(random_checkpoint(True), POLICY, GraphOptions.exact(), slots=SLOTS)
    yield engine
    engine.close()


@pytest.fixture
def engine(shared_engine: OpenVinoWhisper) -> Iterator[OpenVinoWhisper]:
    free = shared_engine._kernel.free_places()
    yield shared_engine
    assert shared_engine._kernel.free_places() == free, "places or pages are left behind"


@pytest.fixture
def make_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[SuspectedChange, bool], None]:
    """Suspect this change in every window, and confirm it or not."""

    def change(suspected: SuspectedChange, is_confirmed: bool) -> None:
        monkeypatch.setattr(LanguageListener, "suspected_change", lambda *_: suspected)
        monkeypatch.setattr(LanguageListener, "is_confirmed", lambda *_: is_confirmed)

    return change


@pytest.fixture(scope="module")
def real_engine(whisper_base: Path) -> Iterator[OpenVinoWhisper]:
    engine = OpenVinoWhisper(whisper_base, DecodePolicy(beam_size=1), GraphOptions.fastest())
    yield engine
    engine.close()


def noise(seed: int = 0, duration_s: float = 20.0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return random.normal(0, 0.1, round(duration_s * 16_000)).astype(np.float32)


def decode(engine: OpenVinoWhisper, *waveforms: NDArray[np.float32]) -> list[Hypothesis]:
    """All together."""
    for key, waveform in enumerate(waveforms):
        engine.join(key, Utterance(waveform), DecodeOptions())
    finals: dict[int, Hypothesis] = {}
    for _ in range(5_000):
        finals |= {key: e.hypothesis for key, e in engine.step() if isinstance(e, Final)}
        if len(finals) == len(waveforms):
            return [finals[key] for key in sorted(finals)]
    raise AssertionError("the engine does not come to an end")


def after_each_other(
    engine: OpenVinoWhisper, first: Clip, second: Clip
) -> tuple[Hypothesis, float]:
    """What is heard of two clips in one window, and where their pause lies in it, in seconds."""
    one, other = read_waveform(first.path), read_waveform(second.path)
    both = np.concatenate([one, np.zeros(PAUSE, np.float32), other])
    begins_s = (len(one) + PAUSE) / 16_000
    speech = ((0.0, len(one) / 16_000), (begins_s, len(both) / 16_000))
    engine.join(0, Utterance(both, speech), DecodeOptions())
    while not (finals := [e for _, e in engine.step() if isinstance(e, Final)]):
        pass
    return finals[0].hypothesis, begins_s


def said(hypothesis: Hypothesis) -> tuple[object, ...]:
    segments = [(each.text, each.start, each.end) for each in hypothesis.segments]
    return segments, hypothesis.language, hypothesis.n_tokens


@SIDES
def test_all_is_decoded_where_one_side_alone_is_in_the_same_language(
    change: SuspectedChange,
    engine: OpenVinoWhisper,
    make_up: Callable[[SuspectedChange, bool], None],
) -> None:
    (plain,) = decode(engine, noise())
    make_up(change, False)
    (heard,) = decode(engine, noise())
    assert said(heard) == said(plain)
    assert not heard.is_language_left


@SIDES
def test_what_is_before_a_change_is_decoded_alone(
    change: SuspectedChange,
    engine: OpenVinoWhisper,
    make_up: Callable[[SuspectedChange, bool], None],
) -> None:
    (alone,) = decode(engine, noise()[: round(change.at_s * 16_000)])
    make_up(change, True)
    (heard,) = decode(engine, noise())
    assert said(heard) == said(alone)
    assert heard.is_language_left
    assert heard.end_s <= change.at_s


@SIDES
@pytest.mark.parametrize("is_confirmed", [True, False])
def test_a_full_engine_has_places_for_the_sides(
    change: SuspectedChange,
    is_confirmed: bool,
    engine: OpenVinoWhisper,
    make_up: Callable[[SuspectedChange, bool], None],
) -> None:
    waveforms = [noise(seed) for seed in range(SLOTS)]
    make_up(change, is_confirmed)
    alone = [said(heard) for waveform in waveforms for heard in decode(engine, waveform)]
    together = [said(heard) for heard in decode(engine, *waveforms)]
    assert together == alone


@SIDES
def test_a_cancelled_utterance_leaves_nothing_behind(
    change: SuspectedChange,
    engine: OpenVinoWhisper,
    make_up: Callable[[SuspectedChange, bool], None],
) -> None:
    make_up(change, False)
    for n_steps in range(8):
        engine.join(0, Utterance(noise()), DecodeOptions())
        for _ in range(n_steps):
            engine.step()
        engine.cancel(0)


@pytest.mark.parametrize("failing", ["suspected_change", "is_confirmed"])
def test_a_failure_while_listening_leaves_nothing_behind(
    failing: str,
    engine: OpenVinoWhisper,
    make_up: Callable[[SuspectedChange, bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise EngineFailed("of no use")

    with monkeypatch.context() as patched:
        make_up(FIRST_SIDE, True)
        patched.setattr(LanguageListener, failing, fail)
        engine.join(0, Utterance(noise()), DecodeOptions())
        events = [event for _ in range(20) for event in engine.step()]
    assert events == [(0, Failed("of no use"))]


@pytest.mark.parametrize("clips", [(GERMAN, ASK_NOT), (ASK_NOT, GERMAN)], ids=["second", "first"])
def test_the_shorter_side_is_heard_and_the_first_one_written(
    clips: tuple[Clip, Clip], real_engine: OpenVinoWhisper
) -> None:
    heard, begins_s = after_each_other(real_engine, *clips)
    assert heard.is_language_left
    assert heard.language == clips[0].language
    assert heard.end_s < begins_s


@pytest.mark.parametrize("is_first", [True, False])
def test_a_suspicion_is_dropped_where_both_sides_are_in_one_language(
    is_first: bool, real_engine: OpenVinoWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plain, begins_s) = after_each_other(real_engine, ASK_NOT, RESTAURANT)
    at_s = begins_s - PAUSE / 16_000 / 2
    alone = (0.0, at_s) if is_first else (at_s, begins_s + RESTAURANT.duration_s)
    change = SuspectedChange(at_s, alone, "en")
    monkeypatch.setattr(LanguageListener, "suspected_change", lambda *_: change)
    heard, _ = after_each_other(real_engine, ASK_NOT, RESTAURANT)
    assert not heard.is_language_left
    assert said(heard) == said(plain)


def test_stretches_are_asked_for_their_language_in_few_steps(
    engine: OpenVinoWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    languages_in = LanguageListener._languages_in

    def asked(n_at_once: int) -> list[list[Probabilities]]:
        """Step by step, what stretches are heard as."""
        steps: list[list[Probabilities]] = []

        def listen(self: LanguageListener, windows: Iterable[CrossState]) -> list[Probabilities]:
            steps.append(languages_in(self, windows))
            return steps[-1]

        monkeypatch.setattr(language_listener, "ASKED_AT_ONCE", n_at_once)
        monkeypatch.setattr(language_listener, "suspected_change", lambda *_: None)
        monkeypatch.setattr(LanguageListener, "_languages_in", listen)
        stretches = tuple((3.0 * i, 3.0 * i + 2.8) for i in range(6))
        engine.join(0, Utterance(noise(duration_s=29), stretches), DecodeOptions())
        while not any(isinstance(event, Final) for _, event in engine.step()):
            pass
        return steps

    alone, together = asked(1), asked(4)
    n_free = SLOTS  # one of the places holds the window
    assert [len(step) for step in together] == [n_free, 6 - n_free]
    for one, other in zip(chain(*alone), chain(*together), strict=True):
        assert one == pytest.approx(other, abs=1e-5)
