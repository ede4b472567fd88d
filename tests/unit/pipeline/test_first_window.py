"""The first window of a long recording: what is read before its text is there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np

from auricle.engines.protocol import (
    DecodeEvent,
    DecodeOptions,
    Delta,
    Final,
    Hypothesis,
    Ticket,
    Utterance,
)
from auricle.engines.whisper.encode_queue import SHORT_S
from auricle.frontend.pool import Block, RecordingEnd
from auricle.pipeline.options import TranscribeOptions
from auricle.pipeline.transcribe import Transcriber
from auricle.pipeline.windows import WindowOptions
from auricle.transcript.events import Completed
from auricle.transcript.model import Segment
from auricle.vad.segmenter import FRAME_LENGTH

FRAMES = 32  # of a block, 1.024 s
N_BLOCKS = 100
READ_AT_MOST = 20
"""Blocks: thirteen seconds of speech, and the one on the way."""


def test_reading_waits_for_the_first_text() -> None:
    n_read = 0
    read_before_text: list[int] = []

    async def blocks() -> AsyncIterator[Block | RecordingEnd]:
        nonlocal n_read
        speech = np.ones(FRAMES, np.float32)
        speech[:10] = 0  # a pause of 320 ms, too short to part spans
        n_samples = FRAMES * FRAME_LENGTH
        for i in range(N_BLOCKS):
            n_read += 1
            waveform = np.zeros(n_samples, np.float32)
            yield Block(i * n_samples, waveform, speech, expected_s=102.4)
            await asyncio.sleep(0)
        yield RecordingEnd(N_BLOCKS * n_samples, (), 0.0, 0.0)

    async def submit(
        utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        del options, ticket
        for _ in range(200):  # as long as it takes a reader that does not wait to read it all
            await asyncio.sleep(0)
        read_before_text.append(n_read)
        yield Delta("so", "en")
        segment = Segment("so", 0.0, utterance.duration_s)
        yield Final(Hypothesis((segment,), "en", 1.0, 0.0, utterance.duration_s))

    async def transcribe() -> list[object]:
        transcriber = Transcriber(submit, max_in_flight=10)
        return [e async for e in transcriber.transcribe(blocks(), TranscribeOptions(), Ticket())]

    events = asyncio.run(transcribe())
    assert read_before_text[0] <= READ_AT_MOST
    assert isinstance(events[-1], Completed)
    assert n_read == N_BLOCKS
    assert len(read_before_text) >= 4


def test_it_goes_before_longer_windows() -> None:
    assert WindowOptions().first_max_s <= SHORT_S
