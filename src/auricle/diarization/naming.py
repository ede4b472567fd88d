"""What speakers are called: known voices by their names, strangers by number."""

from collections.abc import Mapping

import numpy as np

from auricle.diarization.clustering import Vectors
from auricle.diarization.turns import Speakers

MIN_SIMILARITY = 0.4
"""Cosine of centred voices from which two are one person."""


def name_speakers(voices: Vectors, known: Mapping[str, Vectors]) -> list[str]:
    """A name for each speaker.

    The most alike pair is matched first, and nobody is matched twice. Strangers are
    `speaker_1`, `speaker_2`, … in the order of the speakers, skipping names that are taken.

    Args:
        voices: of unit norm, a row for each speaker.
        known: name -> voice of unit norm, shape (size,).
    """
    names: dict[int, str] = {}
    if known and len(voices):
        similarity = voices @ np.stack(list(known.values())).T
        labels = list(known)
        while similarity.max() >= MIN_SIMILARITY:
            speaker, reference = np.unravel_index(similarity.argmax(), similarity.shape)
            names[int(speaker)] = labels[int(reference)]
            similarity[speaker] = similarity[:, reference] = -np.inf
    free = (
        name
        for i in range(1, len(voices) + len(known) + 1)
        if (name := f"speaker_{i}") not in known
    )
    return [names[i] if i in names else next(free) for i in range(len(voices))]


def main_voice(speakers: Speakers) -> Vectors | None:
    """The voice of who speaks most in a recording, shape (size,); None if nobody does."""
    if not speakers.turns:
        return None
    spoken_s = np.zeros(len(speakers.voices))
    for turn in speakers.turns:
        spoken_s[turn.speaker] += turn.end - turn.start
    voice: Vectors = speakers.voices[spoken_s.argmax()]
    return voice
