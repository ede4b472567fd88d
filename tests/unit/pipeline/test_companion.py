"""A model that gives text, and one that hears its language and times."""

import asyncio
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    Failed,
    Final,
    Hypothesis,
    Ticket,
    Utterance,
)
from auricle.errors import UpstreamFailed
from auricle.pipeline.companion import Companion, words_for
from auricle.transcript.model import Segment, Word

UTTERANCE = Utterance(np.zeros(10 * 16000, np.float32))
TEXT = "Hello there. Who is it?"
WORDS = (
    Word("Hello", 0.5, 1.0, 0.9),
    Word("there.", 1.0, 1.5, 0.9),
    Word("Who", 2.0, 2.2, 0.9),
    Word("is", 2.2, 2.4, 0.9),
    Word("it?", 2.4, 3.0, 0.9),
)


def heard(text: str, language: str = "", words: tuple[Word, ...] = ()) -> Final:
    segments = (Segment(text, 0.0, 10.0, words=words),) if text else ()
    return Final(Hypothesis(segments, language, 0.7, 0.0, 10.0))


class Speaker:
    """Gives text piece by piece."""

    def __init__(self, *events: DecodeEvent) -> None:
        self._events = events

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        for event in self._events:
            await asyncio.sleep(0)
            yield event


class Listener:
    """Hears German, and knows when `WORDS` are said."""

    def __init__(self, failure: str = "") -> None:
        self._failure = failure
        self.asked: list[DecodeOptions] = []

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        self.asked.append(options)
        if self._failure:
            yield Failed(self._failure)
        else:
            yield heard(options.given_text or "", "de", WORDS if options.given_text else ())


SPEAKER = Speaker(Delta("Hello there.", ""), Delta(" Who is it?", ""), heard(TEXT))


async def submitted(
    listener: Listener, options: DecodeOptions, speaker: Speaker = SPEAKER
) -> list[DecodeEvent]:
    whole = Companion(speaks=speaker.submit, listens=listener.submit)
    return [event async for event in whole.submit(UTTERANCE, options, Ticket())]


def hypothesis(events: list[DecodeEvent]) -> Hypothesis:
    assert isinstance(events[-1], Final)
    return events[-1].hypothesis


async def test_the_language_is_heard_beside_and_no_times_are_made_that_nobody_wants() -> None:
    listener = Listener()
    events = await submitted(listener, DecodeOptions())
    assert events[0] == Delta("Hello there.", "de")
    result = hypothesis(events)
    assert (result.language, result.language_probability) == ("de", 0.7)
    assert [segment.text for segment in result.segments] == [TEXT]
    assert [options.given_text for options in listener.asked] == [""]


async def test_a_language_that_was_given_is_believed() -> None:
    listener = Listener()
    events = await submitted(listener, DecodeOptions(language="fr"))
    assert hypothesis(events).language == "fr"
    assert listener.asked == []


async def test_words_come_if_they_are_asked_for() -> None:
    result = hypothesis(await submitted(Listener(), DecodeOptions(words=True)))
    words = [word for segment in result.segments for word in segment.words]
    assert [(word.text, word.start) for word in words] == [(w.text, w.start) for w in WORDS]
    assert all(word.score is None for word in words)


async def test_without_text_there_is_nothing_to_place() -> None:
    listener = Listener()
    result = hypothesis(await submitted(listener, DecodeOptions(words=True), Speaker(heard(""))))
    assert result.segments == ()
    assert [options.given_text for options in listener.asked] == [""]


async def test_a_listener_that_fails_is_a_failure() -> None:
    assert await submitted(Listener("broken"), DecodeOptions()) == [Failed("broken")]


async def test_what_the_speaker_raises_is_raised_and_the_listener_is_left() -> None:
    left = asyncio.Event()

    class Slow(Listener):
        async def submit(
            self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
        ) -> AsyncGenerator[DecodeEvent, None]:
            try:
                await asyncio.sleep(3600)
                yield heard("")
            finally:
                left.set()

    class Raising(Speaker):
        async def submit(
            self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
        ) -> AsyncGenerator[DecodeEvent, None]:
            await asyncio.sleep(0.01)
            for reason in ("no answer",):
                raise UpstreamFailed(reason)
            yield heard("")

    with pytest.raises(UpstreamFailed):
        await submitted(Slow(), DecodeOptions(), Raising())
    assert left.is_set()


def test_a_text_that_could_not_be_placed_shares_the_time() -> None:
    words = words_for("one three5", heard("").hypothesis, 10.0)
    assert [(word.text, word.start, word.end) for word in words] == [
        ("one", 0.0, 4.0),
        ("three5", 4.0, 10.0),
    ]
