"""A server of this API, seen from the command line: a recording out, transcript events in."""

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from auricle.errors import AuricleError, InvalidRequest, Unavailable
from auricle.pipeline.options import Granularity, TranscribeOptions
from auricle.transcript.events import (
    Completed,
    LanguageDetected,
    Progress,
    SegmentCompleted,
    TextDelta,
    TranscriptEvent,
)
from auricle.transcript.model import Segment, Transcript, Word
from auricle.transcript.sentences import segments_of_words

PATH = "/v1/audio/transcriptions"
DEFAULT_MODEL = "voxtral-mini-latest"
"""An id that every server of this API answers to."""


class RemoteServer:
    """Enter it to open connections, leave it to close them."""

    def __init__(self, url: str, key: str | None, model: str | None = None) -> None:
        self._model = model or DEFAULT_MODEL
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._url = url
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/").removesuffix("/v1"),
            headers=headers,
            timeout=httpx.Timeout(30, read=600),
        )

    @classmethod
    def configured(cls, url: str | None, model: str | None = None) -> "RemoteServer | None":
        """The server of the flag or of `AURICLE_URL`; None when neither is there."""
        url = url or os.environ.get("AURICLE_URL")
        return cls(url, os.environ.get("AURICLE_API_KEY"), model) if url else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def transcribe(
        self, recording: Path, options: TranscribeOptions
    ) -> AsyncGenerator[TranscriptEvent, None]:
        """The events of one recording, as the server sends them.

        Raises:
            InvalidRequest: the server refused it; the message is the server's.
            Unavailable: the server cannot be reached, or the connection broke.
        """
        fields: dict[str, str | list[str]] = {"model": self._model, "stream": "true"}
        if options.language is not None:
            fields["language"] = options.language
        if options.granularity is not None:
            fields["timestamp_granularities"] = options.granularity
        if options.diarize:
            fields["diarize"] = "true"
        if options.context_bias:
            fields["context_bias"] = list(options.context_bias)
        try:
            with recording.open("rb") as file:
                files = {"file": (recording.name, file)}
                request = self._client.stream("POST", PATH, data=fields, files=files)
                async with request as response:
                    if response.status_code != httpx.codes.OK:
                        await response.aread()
                        raise InvalidRequest(_refusal(response))
                    async for payload in _payloads(response):
                        for event in _events(payload, options.granularity):
                            yield event
        except httpx.HTTPError as error:
            detail = str(error) or type(error).__name__
            raise Unavailable(f"server {self._url}: {detail}") from error


def _refusal(response: httpx.Response) -> str:
    try:
        body = response.json()
        message = body.get("message") or body.get("detail")
    except (ValueError, AttributeError):
        message = response.text[:200]
    if isinstance(message, dict):
        message = "; ".join(str(item.get("msg")) for item in message.get("detail", []))
    return f"the server answered {response.status_code}: {message}"


async def _payloads(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The JSON of each server-sent event; the server puts it on one `data:` line."""
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))


def _events(payload: Mapping[str, Any], granularity: Granularity | None) -> list[TranscriptEvent]:
    match payload.get("type"):
        case "transcription.language":
            return [LanguageDetected(payload["audio_language"])]
        case "transcription.text.delta":
            return [TextDelta(payload["text"])]
        case "transcription.segment":
            segment = _segment(payload)
            return [SegmentCompleted(segment), Progress(segment.end)]
        case "transcription.done":
            transcript = _transcript(payload)
            if granularity == "word":
                segments = _in_segments(transcript.text, transcript.segments)
                transcript = replace(transcript, segments=segments)
            return [Completed(transcript)]
        case _:
            message = payload.get("message") or payload
            raise AuricleError(f"the server broke off: {message}")


def _segment(payload: Mapping[str, Any]) -> Segment:
    return Segment(
        text=payload["text"],
        start=payload["start"],
        end=payload["end"],
        score=payload.get("score"),
        speaker=payload.get("speaker_id"),
    )


def _in_segments(text: str, words: Sequence[Segment]) -> tuple[Segment, ...]:
    """The words of an answer in segments, which it does not have beside them.

    A segment's score is not known then: how many tokens a word has is not sent.
    """
    found: list[Word] = []
    at = 0
    for word in words:
        start = max(at, text.find(word.text, at))
        is_glued = start == at and bool(found)
        found.append(
            Word(word.text, word.start, word.end, word.score, word.speaker, glued=is_glued)
        )
        at = start + len(word.text)
    return tuple(
        replace(segment, speaker=speaker, score=None)
        for speaker, run in groupby(found, key=lambda word: word.speaker)
        for segment in segments_of_words(list(run))
    )


def _transcript(payload: Mapping[str, Any]) -> Transcript:
    return Transcript(
        text=payload["text"],
        language=payload["language"],
        segments=tuple(_segment(item) for item in payload.get("segments") or ()),
        duration_s=float(payload["usage"].get("prompt_audio_seconds") or 0),
        notices=tuple(payload.get("notices") or ()),
    )
