"""Speech with noise or music behind it, made from a manifest's clean recordings.

A recording's background is taken in turn from a few recordings in which nobody speaks, begins at
a place drawn from the recording's name, and is repeated where it is too short: the same at every
level and in every run. The level is that of speech, pauses left out, over that of the background.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from manifest import Recording
from waveforms import read_waveform, write_waveform

LEVELS_DB = (20, 10, 5, 0)
BACKGROUNDS = ("nospeech-white-noise-10s", "nospeech-music", "nospeech-room-silence")
"""A steady noise, music, and a room whose own sound is raised."""
KINDS = tuple(f"noisy-{level}db" for level in LEVELS_DB)

MIXED_KINDS = ("read", "command")
EVERY_OTHER_LANGUAGE = 3
"""Of the recordings in other languages than English, every which one is mixed."""
_FRAME = SAMPLE_RATE // 50
_PAUSE_DB = 30.0
"""So far below the loudest, a frame of the clean recording is a pause."""
_PEAK = 0.99


def noisy_speech(
    recordings: Sequence[Recording], folder: Path, every_other_language: int = EVERY_OTHER_LANGUAGE
) -> list[Recording]:
    """Each clean recording at each level, as files in `folder`; none without all backgrounds."""
    known = {recording.id: recording for recording in recordings}
    if not all(name in known for name in BACKGROUNDS):
        return []
    backgrounds = [read_waveform(known[name].path) for name in BACKGROUNDS]
    made = []
    for n, recording in enumerate(_clean(recordings, every_other_language)):
        speech = read_waveform(recording.path)
        background = _stretch(backgrounds[n % len(backgrounds)], len(speech), Random(recording.id))
        for level_db, kind in zip(LEVELS_DB, KINDS, strict=True):
            name = f"{recording.id}-{level_db}db"
            write_waveform(path := folder / f"{name}.flac", mixed(speech, background, level_db))
            made.append(replace(recording, id=name, path=path, kind=kind))
    return made


def mixed(speech: Waveform, background: Waveform, level_db: float) -> Waveform:
    """Both, the background `level_db` below the speech; quieter where they would be clipped."""
    gain = 10 ** (-level_db / 20) * np.sqrt(_speech_power(speech) / np.square(background).mean())
    together: Waveform = speech + np.float32(gain) * background
    quieter = np.float32(min(1.0, _PEAK / np.abs(together).max()))
    scaled: Waveform = together * quieter
    return scaled


def _clean(recordings: Sequence[Recording], every_other_language: int) -> Iterator[Recording]:
    n_others = 0
    for recording in recordings:
        if recording.kind not in MIXED_KINDS or not recording.reference:
            continue
        if recording.language == "en":
            yield recording
            continue
        if n_others % every_other_language == 0:
            yield recording
        n_others += 1


def _stretch(background: Waveform, n_samples: int, random: Random) -> Waveform:
    """So many samples from a drawn place on, around the end if need be."""
    at = (random.randrange(len(background)) + np.arange(n_samples)) % len(background)
    stretch: Waveform = background[at]
    return stretch


def _speech_power(speech: Waveform) -> float:
    frames = speech[: len(speech) // _FRAME * _FRAME].reshape(-1, _FRAME)
    powers = np.square(frames, dtype=np.float64).mean(axis=1)
    return float(powers[powers > powers.max() * 10 ** (-_PAUSE_DB / 10)].mean())
