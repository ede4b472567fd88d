"""A conversation of two real voices, made of the clips in the repository."""

from functools import cache
from pathlib import Path

import numpy as np

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from harness.media import decode, wav
from harness.speech import JFK, RESTAURANT

PAUSE = np.zeros(SAMPLE_RATE // 2, np.float32)


@cache
def voices() -> tuple[Waveform, Waveform]:
    """A man and a woman, several seconds of each."""
    return decode(JFK.path)[0], decode(RESTAURANT.path)[0]


@cache
def conversation() -> tuple[Waveform, tuple[tuple[float, float, str], ...]]:
    """The man, the woman, the man: about 18 s, and who speaks from when to when, in seconds."""
    man, woman = voices()
    cut = round(5.2 * SAMPLE_RATE)  # in a pause
    pieces = ((man[:cut], "man"), (woman, "woman"), (man[cut:], "man"))
    joined, turns, at = [], [], 0
    for piece, who in pieces:
        turns.append((at / SAMPLE_RATE, (at + len(piece)) / SAMPLE_RATE, who))
        joined += [piece, PAUSE]
        at += len(piece) + len(PAUSE)
    return np.concatenate(joined), tuple(turns)


def write_conversation(folder: Path) -> Path:
    """The same as a file."""
    path = folder / "conversation.wav"
    path.write_bytes(wav(conversation()[0]))
    return path


def share_of(turns: list[tuple[float, float, str]], start: float, end: float, who: str) -> float:
    """How much of a stretch these turns give to a speaker, 0..1."""
    heard = (max(0.0, min(end, e) - max(start, s)) for s, e, speaker in turns if speaker == who)
    return sum(heard) / (end - start)
