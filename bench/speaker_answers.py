"""A server's answers with speakers: asked for, and scored word by word."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from auricle.scoring.cpwer import count_speaker_errors
from auricle.scoring.text import scored_tokens
from auricle.scoring.wer import ErrorCounts, count_errors
from manifest import Recording
from normalizers import load_normalizers
from speaker_errors import SpokenTurn
from systems import ServerError

UNKNOWN = "unknown"
"""The speaker of a segment that has none."""


@dataclass(frozen=True, slots=True)
class SpeakerAnswer:
    """The text, and each segment's speaker and words."""

    text: str
    turns: tuple[SpokenTurn, ...]
    texts: tuple[str, ...]
    """Of each turn."""


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """Errors of the words alone, and of the words by speaker."""

    words: ErrorCounts
    by_speaker: ErrorCounts

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"wer": round(self.words.rate, 4), "cpwer": round(self.by_speaker.rate, 4)}


def ask(client: httpx.Client, path: Path, model: str) -> SpeakerAnswer:
    """Post a recording with `diarize`.

    Raises:
        ServerError: the server refused it.
    """
    with path.open("rb") as file:
        response = client.post(
            "/v1/audio/transcriptions",
            data={"model": model, "diarize": "true"},
            files={"file": file},
        )
    if response.status_code != httpx.codes.OK:
        raise ServerError(f"status {response.status_code}: {response.text[:300]}")
    body = response.json()
    segments = body["segments"]
    return SpeakerAnswer(
        body["text"],
        tuple(SpokenTurn(s["start"], s["end"], s["speaker_id"] or UNKNOWN) for s in segments),
        tuple(s["text"] for s in segments),
    )


def score_answer(recording: Recording, answer: SpeakerAnswer) -> AnswerScore | None:
    """Word errors; None without a transcript by speaker."""
    if recording.turns is None or recording.reference is None:
        return None
    normalizers = load_normalizers()

    def tokens(text: str) -> list[str]:
        return scored_tokens(text, recording.language, normalizers)

    reference: defaultdict[str, list[str]] = defaultdict(list)
    for turn in json.loads(recording.turns.read_text(encoding="utf-8")):
        reference[turn["speaker"]] += tokens(turn["text"])
    hypothesis: defaultdict[str, list[str]] = defaultdict(list)
    for turn, text in zip(answer.turns, answer.texts, strict=True):
        hypothesis[turn.speaker] += tokens(text)
    return AnswerScore(
        count_errors(tokens(recording.reference), tokens(answer.text)),
        count_speaker_errors(reference, hypothesis).counts,
    )
