"""One recording, from blocks of audio to transcript events: the only path there is.

blocks -> spans of speech -> windows -> hypotheses, several at once -> events, in order.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import (
    MIN_PROGRESS_S,
    MISSED_SPEECH_S,
    DecodeOptions,
    Delta,
    Failed,
    Submit,
    Ticket,
    Utterance,
)
from auricle.errors import EngineFailed
from auricle.frontend.pool import Block, RecordingEnd
from auricle.pipeline.assembly import TranscriptAssembly
from auricle.pipeline.heard import Heard, Said
from auricle.pipeline.in_order import in_order
from auricle.pipeline.options import TranscribeOptions
from auricle.pipeline.previous_text import PreviousText
from auricle.pipeline.sentence_joins import SentenceJoins
from auricle.pipeline.windows import Window, WindowOptions, WindowPacker
from auricle.transcript.events import Completed, TranscriptEvent
from auricle.vad.segmenter import Segmenter, SegmenterOptions

SPEECH = SegmenterOptions(min_silence_ms=400, pad_ms=300)
"""How speech is cut for recognition: fine, since windows join it again."""


@dataclass(slots=True)
class _Recording:
    """What is learnt about the recording on the way. Owner: one transcription."""

    previous_text: PreviousText
    end: RecordingEnd | None = None
    hint: str | None = None
    hint_known: asyncio.Event = field(default_factory=asyncio.Event)
    queue_s: float = 0.0
    inference_s: float = 0.0

    def note_language(self, language: str) -> None:
        """The first language heard: what the windows that wait for it are to expect."""
        if self.hint is None:
            self.hint = language
            self.hint_known.set()


class Transcriber:
    """Transcribes recordings with the engine behind `submit`; holds no state between them."""

    def __init__(
        self,
        submit: Submit,
        *,
        max_in_flight: int,
        window_options: WindowOptions | None = None,
        segmenter_options: SegmenterOptions | None = None,
        condition_on_previous_text: bool = False,
    ) -> None:
        """Configure.

        Args:
            submit: the engine side of the seam.
            max_in_flight: windows of one recording that are with the engine at once.
            window_options: how utterances are packed; default: `WindowOptions()`.
            segmenter_options: how speech is cut; default: `SPEECH`.
            condition_on_previous_text: whether a window is told of the text before it; then one
                window of a recording is with the engine at once.
        """
        self._submit = submit
        self._max_in_flight = 1 if condition_on_previous_text else max_in_flight
        self._condition_on_previous_text = condition_on_previous_text
        self._window_options = window_options or WindowOptions()
        self._segmenter_options = segmenter_options or SPEECH

    async def transcribe(
        self,
        blocks: AsyncIterable[Block | RecordingEnd],
        options: TranscribeOptions,
        ticket: Ticket,
    ) -> AsyncGenerator[TranscriptEvent, None]:
        """The events of one recording; closing the generator cancels its work.

        Raises:
            AuricleError: what reading the recording raised, or EngineFailed.
        """
        started_s = time.monotonic()
        keeps_heard = self._condition_on_previous_text
        recording = _Recording(PreviousText(options.prompt, keeps_heard=keeps_heard))
        assembly = TranscriptAssembly(
            announce_language=options.language is None,
            granularity=options.granularity,
        )

        def work(index: int, window: Window) -> AsyncGenerator[Said | Heard, None]:
            return self._hear(index, window, options, ticket, recording)

        heard = in_order(self._windows(blocks, recording), work, self._max_in_flight)
        async with aclosing(heard):
            async for item in _joined(heard):
                if isinstance(item, Said):
                    events = assembly.add_delta(item.text, item.language)
                else:
                    events = assembly.add_window(item.window, item.hypothesis)
                    recording.hint = assembly.language
                for event in events:
                    yield event
        end = recording.end
        if end is None:
            raise EngineFailed("bug: a recording ended without its RecordingEnd")
        timings = {
            "decode": end.decode_s,
            "vad": end.vad_s,
            "queue": recording.queue_s,
            "inference": recording.inference_s,
            "total": time.monotonic() - started_s,
        }
        yield Completed(assembly.transcript(end.n_samples / SAMPLE_RATE, end.notices, timings))

    async def _windows(
        self, blocks: AsyncIterable[Block | RecordingEnd], recording: _Recording
    ) -> AsyncIterator[Window]:
        segmenter = Segmenter(self._segmenter_options)
        packer = WindowPacker(self._window_options)
        async for block in blocks:
            if isinstance(block, RecordingEnd):
                recording.end = block
                break
            packer.add_audio(block.waveform, block.speech)
            for span in segmenter.feed(block.speech):
                for window in packer.add_span(span):
                    yield window
            for window in packer.begin(block.expected_s or 0.0, segmenter.open_start):
                yield window
                await recording.hint_known.wait()  # its first text is not to wait for the reader
            if segmenter.open_start is None:
                packer.drop_before(block.start + len(block.waveform))
        n_samples = recording.end.n_samples if recording.end is not None else 0
        for span in segmenter.finish(n_samples):
            for window in packer.add_span(span):
                yield window
        for window in packer.finish():
            yield window

    async def _hear(
        self,
        index: int,
        window: Window,
        options: TranscribeOptions,
        ticket: Ticket,
        recording: _Recording,
    ) -> AsyncGenerator[Said | Heard, None]:
        """Deltas and hypotheses of a window; what a hypothesis leaves out is heard again.

        Unless the caller named the language, the first window goes alone until its language is
        known: it tells the others what to expect.
        """
        if index > 0 and options.language is None:
            await recording.hint_known.wait()
        try:
            rest: Window | None = window
            hint = recording.hint
            while rest is not None:
                async with aclosing(self._decode(rest, options, ticket, recording, hint)) as events:
                    async for event in events:
                        yield event
                        if isinstance(event, Heard):
                            rest = _missed(event)
                            hint = None if event.hypothesis.is_language_left else recording.hint
        finally:
            recording.hint_known.set()

    async def _decode(
        self,
        window: Window,
        options: TranscribeOptions,
        ticket: Ticket,
        recording: _Recording,
        hint: str | None,
    ) -> AsyncGenerator[Said | Heard, None]:
        """Deltas of a window, then what was heard in it."""
        decode_options = DecodeOptions(
            language=options.language,
            language_hint=hint,
            temperature=options.temperature,
            words=options.granularity is not None,
            context_bias=options.context_bias,
            previous_text=recording.previous_text.before(window, hint),
        )
        started_s = time.monotonic()
        utterance = Utterance(window.waveform, window.speech_s)
        async with aclosing(self._submit(utterance, decode_options, ticket)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    recording.note_language(event.language)
                    yield Said(window, event.text, event.language)
                elif isinstance(event, Failed):
                    raise EngineFailed(event.reason)
                else:
                    recording.queue_s += event.queue_s
                    recording.inference_s += time.monotonic() - started_s - event.queue_s
                    hypothesis = event.hypothesis
                    recording.previous_text.note(window, hypothesis)
                    if hypothesis.segments:
                        recording.note_language(hypothesis.language)
                    yield Heard(window, hypothesis)


async def _joined(heard: AsyncIterable[Said | Heard]) -> AsyncIterator[Said | Heard]:
    """The same, with windows inside a sentence written as one."""
    joins = SentenceJoins()
    async for item in heard:
        for each in joins.feed(item):
            yield each
    for each in joins.finish():
        yield each


def _missed(heard: Heard) -> Window | None:
    """The part of a window that its hypothesis stopped before, if there is speech in it."""
    window, hypothesis = heard.window, heard.hypothesis
    if hypothesis.is_language_left:
        return window.tail(max(hypothesis.end_s, MIN_PROGRESS_S))
    if hypothesis.end_s < MIN_PROGRESS_S or not hypothesis.segments:
        return None
    if window.speech_after_s(hypothesis.end_s) < MISSED_SPEECH_S:
        return None
    return window.tail(hypothesis.end_s)
