"""How far a recording is read while its first window is being heard."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    Final,
    Hypothesis,
    Ticket,
    Utterance,
)
from auricle.frontend.blocks import Block, RecordingEnd
from auricle.pipeline.options import TranscribeOptions
from auricle.pipeline.transcribe import Transcriber
from auricle.transcript.model import Segment
from auricle.vad.segmenter import FRAME_LENGTH

N_BLOCKS = 60
"""Of eleven seconds: enough for twenty windows."""
MAX_IN_FLIGHT = 10


class Reading:
    """A recording that counts what is read of it, and an engine that waits to be let go on."""

    def __init__(self) -> None:
        self.n_read = 0
        self.n_read_before_language = 0
        self.may_say_language = asyncio.Event()
        self.may_end = asyncio.Event()

    async def blocks(self) -> AsyncIterator[Block | RecordingEnd]:
        n_frames = 11 * SAMPLE_RATE // FRAME_LENGTH
        speech = np.ones(n_frames, np.float32)
        speech[-SAMPLE_RATE // FRAME_LENGTH :] = 0
        n_samples = n_frames * FRAME_LENGTH
        for i in range(N_BLOCKS):
            self.n_read += 1
            yield Block(i * n_samples, np.zeros(n_samples, np.float32), speech)
        yield RecordingEnd(N_BLOCKS * n_samples, (), 0.0, 0.0)

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        await self.may_say_language.wait()
        yield Delta("Text", "en")
        await self.may_end.wait()
        text = (Segment("Text.", 0.0, utterance.duration_s),)
        yield Final(Hypothesis(text, "en", 1.0, 0.0, utterance.duration_s))

    async def read_by_now(self) -> int:
        """Blocks read once nothing moves any more."""
        before = -1
        while before < self.n_read:
            before = self.n_read
            await asyncio.sleep(0.05)
        return self.n_read


async def hear(reading: Reading, language: str | None) -> None:
    transcriber = Transcriber(reading.submit, max_in_flight=MAX_IN_FLIGHT)
    options = TranscribeOptions(language=language)
    async with aclosing(transcriber.transcribe(reading.blocks(), options, Ticket())) as events:
        async for _ in events:
            pass


async def test_little_is_read_before_the_language_is_known() -> None:
    reading = Reading()
    hearing = asyncio.create_task(hear(reading, language=None))
    n_at_first = await reading.read_by_now()
    assert n_at_first <= 7  # two windows, and what shows that the second is full
    reading.may_say_language.set()
    assert await reading.read_by_now() >= 3 * n_at_first
    reading.may_end.set()
    await hearing
    assert reading.n_read == N_BLOCKS


async def test_all_that_fits_is_read_where_the_language_is_given() -> None:
    reading = Reading()
    hearing = asyncio.create_task(hear(reading, language="en"))
    assert await reading.read_by_now() > 2 * MAX_IN_FLIGHT
    reading.may_say_language.set()
    reading.may_end.set()
    await hearing
    assert reading.n_read == N_BLOCKS


async def test_a_reader_that_leaves_meanwhile_ends_everything() -> None:
    reading = Reading()
    hearing = asyncio.create_task(hear(reading, language=None))
    await reading.read_by_now()
    hearing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hearing
