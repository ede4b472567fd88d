"""A second try goes on where the first broke off."""

from auricle.engines.protocol import DecodeEvent, Delta, Failed, Final, Hypothesis
from auricle.scheduling.replay import RESTARTED, Replay, Restarted

FINAL = Final(Hypothesis((), "en", 1.0, 0.0, 1.0))


def seen(*events: DecodeEvent | Restarted) -> list[DecodeEvent]:
    replay = Replay()
    passed = (replay.pass_on(event) for event in events)
    return [event for event in passed if event is not None]


def test_without_a_restart_everything_passes() -> None:
    assert seen(Delta("a", "en"), Delta("b", "en"), FINAL) == [
        Delta("a", "en"),
        Delta("b", "en"),
        FINAL,
    ]


def test_text_already_sent_is_not_sent_again() -> None:
    events = seen(
        Delta("one ", "en"),
        Delta("two", "en"),
        RESTARTED,
        Delta("one", "en"),
        Delta(" two three", "en"),
        FINAL,
    )
    assert events == [Delta("one ", "en"), Delta("two", "en"), Delta(" three", "en"), FINAL]


def test_another_text_than_the_one_sent_fails() -> None:
    events = seen(Delta("one two", "en"), RESTARTED, Delta("one ", "en"), Delta("too", "en"))
    assert isinstance(events[-1], Failed)


def test_an_end_before_the_text_already_sent_fails() -> None:
    events = seen(Delta("one two", "en"), RESTARTED, Delta("one", "en"), FINAL)
    assert isinstance(events[-1], Failed)
    assert FINAL not in events


def test_a_batch_engine_that_sent_nothing_just_restarts() -> None:
    assert seen(RESTARTED, FINAL) == [FINAL]
