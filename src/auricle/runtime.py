"""The composition root: settings in, a running transcription service out."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from auricle.audio.decode import DecodeLimits
from auricle.diarization.crew import DiarizerCrew
from auricle.engines.protocol import Ticket
from auricle.engines.registry import EngineSpec
from auricle.errors import NotSupported
from auricle.frontend.pool import Block, FrontEndPool, RecordingEnd
from auricle.pipeline.options import TranscribeOptions
from auricle.pipeline.speakers import SpeakerListener, learn_voice, with_speakers
from auricle.pipeline.spelling import with_spelling
from auricle.pipeline.transcribe import Transcriber
from auricle.scheduling.backlog import Backlog
from auricle.scheduling.scheduler import Scheduler
from auricle.settings import Settings
from auricle.transcript.events import TranscriptEvent
from auricle.transcript.spelling import Spelling
from auricle.weights.card import Feature, ModelCard, card_of
from auricle.weights.progress import Progress
from auricle.weights.store import ModelStore
from auricle.weights.table import VAD_MODEL, ModelTable

FEATURES = frozenset({Feature.DIARIZE, Feature.SPEAKER_REFERENCES})
"""What every model can, because it is done beside it."""
EXTRA_WINDOWS_IN_FLIGHT = 2
"""Beyond one a slot, so that no slot waits while the next window is being read."""


class Weights:
    """The configured model's row and where its files are. Made before anything is started."""

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        """Find or fetch the files; blocking.

        Raises:
            SettingsError: the configured model is unknown.
            WeightsError: its files cannot be had; the message says what to do.
        """
        table = ModelTable.load(settings.model_table)
        store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
        self.row = table.configured(settings.model)
        self.folder = store.resolve(self.row, progress)
        vad = table.find(VAD_MODEL)
        assert vad is not None  # noqa: S101 (a row of the built-in table)
        self.vad_file = store.resolve(vad, progress) / vad.files[0].name


class Runtime:
    """A running service: front end, engine workers, pipeline. Enter it to start, leave to stop."""

    def __init__(self, settings: Settings, weights: Weights) -> None:
        self._settings = settings
        self._row = weights.row
        self._front_end = FrontEndPool(
            settings.decoders,
            weights.vad_file,
            DecodeLimits(max_audio_s=settings.max_audio_s),
            settings.decoder_memory_bytes,
            max_size=settings.max_decoders,
        )
        self._backlog = Backlog(settings.max_queued_audio_s)
        spec = EngineSpec(
            settings.engine or weights.row.engine,
            str(weights.folder),
            settings.beam_size,
            slots=settings.batch,
            n_threads=settings.threads,
            graphs_folder=str(settings.cache_dir / "graphs"),
        )
        self._scheduler = Scheduler(spec, settings.workers)
        self._diarizers = DiarizerCrew(settings.diarizers)
        self._transcriber: Transcriber | None = None
        self._stack = AsyncExitStack()
        self._languages: frozenset[str] = frozenset()
        self._features = FEATURES

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._scheduler.close)
            stack.push_async_callback(self._diarizers.close)
            stack.push_async_callback(self._front_end.close)
            await asyncio.gather(self._front_end.start(), self._scheduler.start())
            info = self._scheduler.info
            self._languages = frozenset(info.languages)
            if info.context_bias:
                self._features = FEATURES | {Feature.CONTEXT_BIAS}
            slots = info.slots * self._settings.workers
            self._transcriber = Transcriber(
                self._scheduler.submit, max_in_flight=slots + EXTRA_WINDOWS_IN_FLIGHT
            )
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
        return [self._card(self._row.id)]

    def resolve_model(self, model_id: str) -> ModelCard | None:
        """See `TranscriptionService`."""
        return self._card(model_id) if self._row.answers_to(model_id) else None

    def _card(self, name: str) -> ModelCard:
        return replace(card_of(self._row, name), features=self._features)

    def is_ready(self) -> bool:
        """See `TranscriptionService`: a worker is ready only after a real inference."""
        return self._transcriber is not None and self._scheduler.is_ready

    def gauges(self) -> Mapping[str, float]:
        """See `TranscriptionService`."""
        return {
            "queued_utterances": self._scheduler.queue_length,
            "queued_audio_seconds": self._backlog.total_s,
            "decoders": len(self._front_end.pids),
            "engine_workers": len(self._scheduler.worker_pids),
            "engine_restarts": self._scheduler.n_restarts,
        }

    def refuse_when_full(self, n_bytes: int) -> None:
        """See `TranscriptionService`."""
        self._backlog.refuse_when_full(n_bytes)

    async def transcribe(
        self, recording: Path, options: TranscribeOptions, ticket: Ticket
    ) -> AsyncGenerator[TranscriptEvent, None]:
        """See `TranscriptionService`."""
        assert self._transcriber is not None  # noqa: S101 (entered)
        if options.language is not None and options.language not in self._languages:
            raise NotSupported(
                f"language {options.language}: model {self._row.id} knows "
                f"{', '.join(sorted(self._languages))}",
                param="language",
            )
        if options.context_bias and Feature.CONTEXT_BIAS not in self._features:
            raise NotSupported(
                f"context_bias: engine {self._scheduler.info.name} cannot be told what to expect",
                param="context_bias",
            )
        transcribe = self._with_speakers if options.diarize else self._spelt
        blocks = self._backlog.meter(self._front_end.read(recording))
        async with aclosing(blocks), aclosing(transcribe(blocks, options, ticket)) as events:
            async for event in events:
                yield event

    def _spelt(
        self,
        blocks: AsyncIterable[Block | RecordingEnd],
        options: TranscribeOptions,
        ticket: Ticket,
    ) -> AsyncGenerator[TranscriptEvent, None]:
        """As `Transcriber.transcribe`, the caller's phrases spelt as the caller gave them."""
        assert self._transcriber is not None  # noqa: S101 (entered)
        events = self._transcriber.transcribe(blocks, options, ticket)
        if not options.context_bias:
            return events
        return with_spelling(events, Spelling(options.context_bias))

    async def _with_speakers(
        self,
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
        has_words = self._scheduler.info.word_times
        asked = replace(options, granularity="word" if has_words else "segment")
        async with (
            SpeakerListener(self._diarizers) as listener,
            aclosing(self._spelt(listener.listen(blocks), asked, ticket)) as events,
        ):
            async for event in with_speakers(events, listener, known, options.granularity):
                yield event
