"""What the speed is measured on: long recordings, short utterances, and hours of speech."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from manifest import Recording
from waveforms import read_waveform, write_waveform

LONG_KINDS = ("longform", "conversation")
CUT_KINDS = ("read", *LONG_KINDS)
SHORTEST_S, LONGEST_S = 3.0, 8.0
"""Of an utterance."""
MARGIN_S = 0.1
"""Around an utterance that is cut out of a recording."""
GAP_S = 0.5
"""Between the recordings that make up hours of speech."""


@dataclass(frozen=True, slots=True)
class Speech:
    """English recordings with references; `folder` is where new files may be written."""

    long: Sequence[Recording]
    utterances: Sequence[Recording]
    folder: Path

    def near(self, duration_s: float, n: int) -> list[Recording]:
        """The `n` utterances whose length is nearest."""
        return sorted(self.utterances, key=lambda r: abs(r.duration_s - duration_s))[:n]

    def wav(self, recording: Recording) -> Path:
        """The recording as 16 kHz WAV, for who reads nothing else."""
        path = self.folder / f"{recording.id}.wav"
        if not path.exists():
            write_waveform(path, read_waveform(recording.path))
        return path


def find_speech(recordings: Sequence[Recording], folder: Path, limit: int | None) -> Speech:
    """The long recordings, at most `limit`, and all distinct utterances of 3 to 8 s."""
    english = [r for r in recordings if r.language == "en" and r.reference]
    long = sorted((r for r in english if r.kind in LONG_KINDS), key=lambda r: -r.duration_s)
    utterances: dict[str, Recording] = {}
    for recording in english:
        if recording.kind in CUT_KINDS:
            for utterance in _utterances(recording, folder):
                utterances.setdefault((utterance.reference or "").lower(), utterance)
    return Speech(long[:limit], list(utterances.values()), folder)


def _utterances(recording: Recording, folder: Path) -> Iterator[Recording]:
    """The recording itself if it is one utterance, else those that can be cut out of it."""
    if recording.kind == "read":
        if SHORTEST_S <= recording.duration_s <= LONGEST_S:
            yield recording
        return
    if recording.utterances is None:
        return
    said = json.loads(recording.utterances.read_text(encoding="utf-8"))
    fitting = [u for u in said if SHORTEST_S <= u["end"] - u["start"] <= LONGEST_S]
    waveform = read_waveform(recording.path) if fitting else np.zeros(0, np.float32)
    for utterance in fitting:
        edges_s = (utterance["start"] - MARGIN_S, utterance["end"] + MARGIN_S)
        first, last = (round(max(0.0, edge_s) * SAMPLE_RATE) for edge_s in edges_s)
        name = f"{recording.id}-{first}"
        write_waveform(path := folder / f"{name}.wav", part := waveform[first:last])
        duration_s = len(part) / SAMPLE_RATE
        yield Recording(name, path, "read", recording.language, duration_s, utterance["text"])


def hours_of_speech(
    recordings: Sequence[Recording], duration_s: float, folder: Path
) -> tuple[Recording, int]:
    """One FLAC of at most this length, and how often each recording occurs in it.

    There are no hours of distinct speech: every pass over the recordings has another order, so
    that windows are cut anew.
    """
    pause = np.zeros(round(GAP_S * SAMPLE_RATE), np.float32)
    waveforms = {r.id: np.concatenate([read_waveform(r.path), pause]) for r in recordings}
    shortest = min(map(len, waveforms.values()))
    room = round(duration_s * SAMPLE_RATE)
    chosen: list[Recording] = []
    n_passes, order = 0, list(recordings)
    while room >= shortest:
        Random(n_passes).shuffle(order)
        n_passes += 1
        for recording in order:
            if len(waveforms[recording.id]) <= room:
                room -= len(waveforms[recording.id])
                chosen.append(recording)
    whole: Waveform = np.concatenate([waveforms[r.id] for r in chosen])
    write_waveform(path := folder / "hours.flac", whole)
    text = " ".join(r.reference or "" for r in chosen)
    return Recording("hours", path, "longform", "en", len(whole) / SAMPLE_RATE, text), n_passes
