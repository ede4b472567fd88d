"""What windows are told of each other, and in which order they are heard."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Final,
    Hypothesis,
    Ticket,
    Utterance,
)
from auricle.frontend.blocks import Block, RecordingEnd
from auricle.pipeline.options import TranscribeOptions
from auricle.pipeline.previous_text import LONGEST_GAP_S, MAX_CHARACTERS, PreviousText
from auricle.pipeline.transcribe import Transcriber
from auricle.pipeline.windows import Piece, Window
from auricle.transcript.model import Segment
from auricle.vad.segmenter import FRAME_LENGTH

PROMPT = "Names: Zoë."


def window(start_s: float, end_s: float) -> Window:
    n_samples = round((end_s - start_s) * SAMPLE_RATE)
    piece = Piece(0, round(start_s * SAMPLE_RATE), n_samples, ())
    return Window(np.zeros(n_samples, np.float32), (piece,))


def said(
    *texts: str, language: str = "en", doubted: bool = False, left: bool = False
) -> Hypothesis:
    segments = tuple(Segment(text, 0.0, 1.0) for text in texts)
    return Hypothesis(segments, language, 1.0, 0.0, 10.0, is_language_left=left, is_doubted=doubted)


def told_after(hypothesis: Hypothesis, pause_s: float = 0.5, language: str | None = "en") -> str:
    """What is told of "One." and then this, both ten seconds long."""
    previous = PreviousText(PROMPT, keeps_heard=True)
    previous.note(window(0, 10), said("One."))
    previous.note(window(10, 20), hypothesis)
    return previous.before(window(20 + pause_s, 30), language)


def test_first_window_is_told_the_prompt() -> None:
    assert PreviousText(PROMPT, keeps_heard=True).before(window(60, 70), None) == PROMPT


def test_what_was_heard_follows_the_prompt() -> None:
    assert told_after(said("Two.", "Three.")) == f"{PROMPT} One. Two. Three."


def test_windows_that_are_not_told_of_each_other_have_the_prompt() -> None:
    previous = PreviousText(PROMPT, keeps_heard=False)
    previous.note(window(0, 10), said("One."))
    assert previous.before(window(10, 20), "en") == PROMPT


def test_silence_changes_nothing() -> None:
    previous = PreviousText("", keeps_heard=True)
    previous.note(window(0, 10), said("One."))
    previous.note(window(10, 12), said())
    assert previous.before(window(12, 20), "en") == "One."


@pytest.mark.parametrize(
    "hypothesis", [said("Two.", doubted=True), said("Two.", left=True)], ids=["doubt", "language"]
)
def test_all_is_forgotten_behind(hypothesis: Hypothesis) -> None:
    assert told_after(hypothesis) == PROMPT


def test_all_is_forgotten_behind_a_long_gap() -> None:
    assert told_after(said("Two."), LONGEST_GAP_S) != PROMPT
    assert told_after(said("Two."), LONGEST_GAP_S + 0.1) == PROMPT


def test_text_of_one_language_alone_is_told() -> None:
    assert told_after(said("Zwei.", language="de"), language="de") == f"{PROMPT} Zwei."
    assert told_after(said("Zwei.", language="de"), language="en") == PROMPT


def test_the_end_of_a_long_text_is_kept() -> None:
    told = told_after(said("word " * MAX_CHARACTERS + "end."))
    assert told.endswith(" end.")
    assert len(told) <= len(PROMPT) + 1 + MAX_CHARACTERS


class Listener:
    """An engine that says which utterance it was given, and notes what it was told with it."""

    def __init__(self, *, doubted: int | None = None) -> None:
        self.told: list[str] = []
        self.most_at_once = self._n_live = 0
        self._doubted = doubted

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        i = len(self.told)
        self.told.append(options.previous_text)
        self._n_live += 1
        self.most_at_once = max(self.most_at_once, self._n_live)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._n_live -= 1
        text = (Segment(f"Text {i}.", 0.0, utterance.duration_s),)
        doubted = i == self._doubted
        yield Final(Hypothesis(text, "en", 1.0, 0.0, utterance.duration_s, is_doubted=doubted))


async def listen(listener: Listener, *, conditioned: bool, prompt: str = "") -> None:
    """Two minutes in which every ten seconds of speech are followed by a second without."""

    async def blocks() -> AsyncIterator[Block | RecordingEnd]:
        n_frames = 11 * SAMPLE_RATE // FRAME_LENGTH
        speech = np.ones(n_frames, np.float32)
        speech[-SAMPLE_RATE // FRAME_LENGTH :] = 0
        n_samples = n_frames * FRAME_LENGTH
        for i in range(11):
            yield Block(i * n_samples, np.zeros(n_samples, np.float32), speech)
        yield RecordingEnd(11 * n_samples, (), 0.0, 0.0)

    transcriber = Transcriber(
        listener.submit, max_in_flight=4, condition_on_previous_text=conditioned
    )
    options = TranscribeOptions(language="en", prompt=prompt)
    async with aclosing(transcriber.transcribe(blocks(), options, Ticket())) as events:
        async for _ in events:
            pass


async def test_windows_wait_for_the_text_before_them() -> None:
    listener = Listener()
    await listen(listener, conditioned=True, prompt=PROMPT)
    assert listener.most_at_once == 1
    assert listener.told[:3] == [PROMPT, f"{PROMPT} Text 0.", f"{PROMPT} Text 0. Text 1."]


async def test_the_window_behind_a_doubted_one_begins_anew() -> None:
    listener = Listener(doubted=1)
    await listen(listener, conditioned=True)
    assert listener.told[:4] == ["", "Text 0.", "", "Text 2."]


async def test_without_the_setting_windows_are_heard_at_once_with_the_prompt() -> None:
    listener = Listener()
    await listen(listener, conditioned=False, prompt=PROMPT)
    assert listener.most_at_once > 1
    assert set(listener.told) == {PROMPT}
