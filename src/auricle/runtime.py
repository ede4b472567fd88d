"""The composition root: settings in, a running transcription service out."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from auricle.audio.decode_limits import DecodeLimits
from auricle.diarization.crew import DiarizerCrew
from auricle.engines.protocol import Ticket
from auricle.errors import InvalidRequest, NotSupported, UnknownModel
from auricle.frontend.pool import Block, FrontEndPool, RecordingEnd
from auricle.pipeline.options import MAX_PROMPT_CHARACTERS, TranscribeOptions
from auricle.pipeline.speakers import SpeakerListener, learn_voice, with_speakers
from auricle.pipeline.spelling import with_spelling
from auricle.scheduling.ahead import EngineAhead
from auricle.scheduling.backlog import Backlog
from auricle.served_models import ServedModel, ServedModels
from auricle.served_weights import Weights
from auricle.settings import Settings
from auricle.transcript.events import TranscriptEvent
from auricle.transcript.spelling import Spelling
from auricle.weights.card import ModelCard


class Runtime:
    """A running service: front end, engine workers, pipeline. Enter it to start, leave to stop."""

    def __init__(
        self, settings: Settings, weights: Weights, ahead: EngineAhead | None = None
    ) -> None:
        """Configure; `ahead` is a process for the default model's engine (`scheduling.ahead`)."""
        self._settings = settings
        self._front_end = FrontEndPool(
            settings.decoders,
            weights.vad_file,
            DecodeLimits(max_audio_s=settings.max_audio_s),
            settings.decoder_memory_bytes,
            max_size=settings.max_decoders,
        )
        self._backlog = Backlog(settings.max_queued_audio_s)
        self._models = ServedModels(settings, weights, ahead)
        self._diarizers = DiarizerCrew(settings.diarizers)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._models.close)
            stack.push_async_callback(self._diarizers.close)
            stack.push_async_callback(self._front_end.close)
            await asyncio.gather(self._front_end.start(n_first=1), self._models.start())
            self._front_end.fill()  # not before: they would take the cores an engine starts on
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def models(self) -> Sequence[ModelCard]:
        """See `TranscriptionService`."""
        return [model.card(model.row.id) for model in self._models.all()]

    def resolve_model(self, model_id: str) -> ModelCard | None:
        """See `TranscriptionService`."""
        model = self._models.find(model_id)
        return None if model is None else model.card(model_id)

    def is_ready(self) -> bool:
        """See `TranscriptionService`: a worker is ready only after a real inference."""
        return self._models.is_ready

    def gauges(self) -> Mapping[str, float]:
        """See `TranscriptionService`."""
        return {
            **self._models.gauges(),
            "queued_audio_seconds": self._backlog.total_s,
            "decoders": len(self._front_end.pids),
        }

    def refuse_when_full(self, n_bytes: int) -> None:
        """See `TranscriptionService`."""
        self._backlog.refuse_when_full(n_bytes)

    async def transcribe(
        self, recording: Path, options: TranscribeOptions, ticket: Ticket
    ) -> AsyncGenerator[TranscriptEvent, None]:
        """See `TranscriptionService`."""
        model = self._models.find(options.model)
        if model is None:
            raise UnknownModel(f"Invalid model: {options.model}")
        if options.language is not None and options.language not in model.languages:
            raise NotSupported(
                f"language {options.language}: model {model.row.id} knows "
                f"{', '.join(sorted(model.languages))}",
                param="language",
            )
        if options.context_bias and not model.context_bias:
            raise NotSupported(
                f"context_bias: model {model.row.id} cannot be told what to expect",
                param="context_bias",
            )
        if options.prompt:
            _check_prompt(options.prompt, model)
        transcribe = partial(self._with_speakers if options.diarize else _spelt, model)
        blocks = self._backlog.meter(self._front_end.read(recording))
        async with aclosing(blocks), aclosing(transcribe(blocks, options, ticket)) as events:
            async for event in events:
                yield event

    async def _with_speakers(
        self,
        model: ServedModel,
        blocks: AsyncIterable[Block | RecordingEnd],
        options: TranscribeOptions,
        ticket: Ticket,
    ) -> AsyncGenerator[TranscriptEvent, None]:
        """As `Transcriber.transcribe`, with words heard beside it by the diarizers."""
        known = {
            reference.name: await learn_voice(
                reference.name, self._front_end.read(reference.recording), self._diarizers
            )
            for reference in options.speaker_references
        }
        asked = replace(options, granularity="word" if model.word_times else "segment")
        async with (
            SpeakerListener(self._diarizers) as listener,
            aclosing(_spelt(model, listener.listen(blocks), asked, ticket)) as events,
        ):
            async for event in with_speakers(events, listener, known, options.granularity):
                yield event


def _check_prompt(prompt: str, model: ServedModel) -> None:
    """Refuse what the model cannot be told.

    Raises:
        NotSupported: it takes no prompt.
        InvalidRequest: the prompt is too long, or no text.
    """
    if not model.previous_text:
        raise NotSupported(f"prompt: model {model.row.id} takes none", param="prompt")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(
            f"prompt has {len(prompt)} characters, more than {MAX_PROMPT_CHARACTERS}",
            param="prompt",
        )
    if any("\ud800" <= character <= "\udfff" for character in prompt):
        raise InvalidRequest("prompt holds bytes that are no UTF-8 text", param="prompt")


def _spelt(
    model: ServedModel,
    blocks: AsyncIterable[Block | RecordingEnd],
    options: TranscribeOptions,
    ticket: Ticket,
) -> AsyncGenerator[TranscriptEvent, None]:
    """As `Transcriber.transcribe`, the caller's phrases spelt as the caller gave them."""
    events = model.transcriber.transcribe(blocks, options, ticket)
    if not options.context_bias:
        return events
    return with_spelling(events, Spelling(options.context_bias))
