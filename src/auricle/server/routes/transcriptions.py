"""`POST /v1/audio/transcriptions`: one recording, answered at once or as it is transcribed."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from auricle.engines.protocol import Ticket
from auricle.errors import InvalidRequest, NotSupported, UnknownModel
from auricle.server.admission import Admission
from auricle.server.failures import note_failure
from auricle.server.feed import ClientLeft, EventFeed
from auricle.server.references import reference_files
from auricle.server.request_context import record_of
from auricle.server.service import TranscriptionService
from auricle.server.sse import KEEP_ALIVE_FRAME, EventStream, Pace, comment_frame, event_frame
from auricle.server.tekken import count_tokens
from auricle.server.timings import HEADER, server_timing
from auricle.server.wire.body import BodyLimits, announced_bytes, read_fields
from auricle.server.wire.field_reader import LongText
from auricle.server.wire.transcription import (
    TranscriptionResponse,
    done_of,
    events_of,
    response_of,
)
from auricle.server.wire.transcription_request import TranscriptionRequest, parse_request
from auricle.sources.data_uri import decode_data_uri, is_data_uri
from auricle.sources.spool import Spool
from auricle.sources.url import Fetcher
from auricle.telemetry import RequestRecord
from auricle.transcript.events import (
    Completed,
    LanguageDetected,
    Progress,
    TextDelta,
    TranscriptEvent,
    fold,
)
from auricle.transcript.model import Transcript
from auricle.weights.card import Feature, ModelCard

UPLOAD_S = 1800.0
"""Seconds a body may take at most: senders who dawdle hold a permit."""


@dataclass(frozen=True, slots=True)
class Transcriptions:
    """The endpoint, an ASGI application."""

    service: TranscriptionService
    admission: Admission
    limits: BodyLimits
    request_timeout_s: float
    fetcher: Fetcher
    pace: Pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a permit, read the body, transcribe, answer."""
        headers = Headers(scope=scope)
        record = record_of(scope)
        with self.admission.permit(record.tenant):
            self.service.refuse_when_full(announced_bytes(headers))
            async with AsyncExitStack() as stack:
                started = time.perf_counter()
                upload_s = min(UPLOAD_S, self.request_timeout_s)
                async with self.admission.time_limit(upload_s, "reading the body"):
                    fields = await stack.enter_async_context(
                        read_fields(headers, receive, self.limits)
                    )
                record.timings["upload"] = time.perf_counter() - started
                asked = parse_request(fields, headers.get("user-agent", ""))
                record.model = self._card(asked).id
                job = _Job(self, asked, record, scope["auricle.request_id"])
                response = await job.run(receive, send)
            if response is not None:
                await response(scope, receive, send)

    def _card(self, asked: TranscriptionRequest) -> ModelCard:
        """The model that was asked for, if it can do what was asked.

        Raises:
            UnknownModel: there is none.
            NotSupported: it lacks a feature or a language.
        """
        card = self.service.resolve_model(asked.model)
        if card is None:
            raise UnknownModel(f"Invalid model: {asked.model}")
        for feature in Feature:
            if getattr(asked, feature.value) and feature not in card.features:
                raise NotSupported(
                    f"{feature.value} is not available yet on this server", param=feature.value
                )
        if asked.language and card.languages and asked.language not in card.languages:
            raise NotSupported(
                f"model {card.id} does not transcribe the language {asked.language}",
                param="language",
            )
        return card


class _Job:
    """One admitted, checked request."""

    def __init__(
        self,
        route: Transcriptions,
        asked: TranscriptionRequest,
        record: RequestRecord,
        request_id: str,
    ) -> None:
        self._route = route
        self._asked = asked
        self._record = record
        self._options = asked.options()
        self._ticket = Ticket(tenant=record.tenant, request=request_id)

    async def run(self, receive: Receive, send: Send) -> Response | None:
        """Transcribe; returns the blocking answer, or None when it was streamed."""
        stream = EventStream(send)
        admission = self._route.admission
        try:
            async with (
                admission.time_limit(self._route.request_timeout_s, "the transcription"),
                EventFeed(self._events(), lambda: _departure(receive)) as feed,
            ):
                if self._asked.stream:
                    await self._stream(feed, stream)
                    return None
                answer = await self._answer(await fold(feed))
        except ClientLeft:
            raise
        except Exception as error:
            if not stream.has_started:
                raise
            note_failure(self._record, error)
            await stream.fail(error)
            return None
        timings = {HEADER: server_timing(self._record.timings)}
        return Response(answer.model_dump_json(), media_type="application/json", headers=timings)

    async def _events(self) -> AsyncGenerator[TranscriptEvent, None]:
        started = time.perf_counter()
        route = self._route
        async with (
            self._recording() as recording,
            reference_files(
                self._asked.speaker_references, route.fetcher, route.limits.folder
            ) as references,
        ):
            if self._asked.file is None:
                self._record.timings["fetch"] = time.perf_counter() - started
            options = replace(self._options, speaker_references=references)
            events = route.service.transcribe(recording, options, self._ticket)
            async with aclosing(events):
                async for event in events:
                    yield event

    @asynccontextmanager
    async def _recording(self) -> AsyncIterator[Path]:
        """The recording as a file, wherever it comes from.

        Raises:
            InvalidRequest: the data URI is damaged, or the URL must not be fetched.
            UnreadableAudio: nothing could be fetched.
            TooLarge: it is over the bound.
        """
        if self._asked.file is not None:
            yield self._asked.file.spool.path
            return
        limits = self._route.limits
        async with Spool(limits.max_upload_bytes, folder=limits.folder) as spool:
            source = self._asked.file_url
            if isinstance(source, LongText) or (source and is_data_uri(source)):
                await asyncio.to_thread(_write_data_uri, source, spool)
            elif source:
                await self._route.fetcher.fetch(source, spool)
            yield spool.path

    async def _stream(self, feed: EventFeed[TranscriptEvent], stream: EventStream) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        pace = self._route.pace
        due = started + pace.first_event_s
        is_complete = False
        while True:
            try:
                event = await feed.next(max(0.0, due - clock()))
            except StopAsyncIteration:
                break
            if isinstance(event, TextDelta):
                self._record.timings.setdefault("first_text", clock() - started)
            frames = [KEEP_ALIVE_FRAME] if event is None else await self._frames(event)
            if frames:
                await stream.write(frames)
                due = clock() + pace.keep_alive_s
            is_complete = is_complete or isinstance(event, Completed)
        if not is_complete:
            msg = "bug: a transcription ended without its Completed event"
            raise RuntimeError(msg)
        await stream.finish()

    async def _frames(self, event: TranscriptEvent) -> list[bytes]:
        if isinstance(event, Completed):
            done = done_of(await self._answer(event.transcript))
            timings = comment_frame(f"{HEADER}: {server_timing(self._record.timings)}")
            return [timings, event_frame(done)]
        if isinstance(event, Progress):
            return [comment_frame(f"progress: {event.position_s:.2f}")]
        if isinstance(event, LanguageDetected) and self._options.language is not None:
            return []  # the caller knows
        return [event_frame(each) for each in events_of(event, self._options.granularity)]

    async def _answer(self, transcript: Transcript) -> TranscriptionResponse:
        self._record.audio_s = transcript.duration_s
        self._record.timings.update(transcript.timings)
        # In a thread: the words of three hours take a tenth of a second, and probes wait.
        return await asyncio.to_thread(
            response_of,
            transcript,
            model=self._asked.model,
            granularity=self._options.granularity,
            n_text_tokens=await count_tokens(transcript.text),
        )


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def _write_data_uri(source: str | LongText, spool: Spool) -> None:
    chunks = source.chunks() if isinstance(source, LongText) else iter([source.encode()])
    try:
        for piece in decode_data_uri(chunks):
            spool.write(piece)
    except ValueError as error:
        raise InvalidRequest("file_url holds a damaged data: URI", param="file_url") from error
    spool.write(b"")
