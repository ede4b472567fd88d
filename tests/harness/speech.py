"""Recordings: the few in the repository, and the large set where there is one."""

import os
from dataclasses import dataclass
from pathlib import Path

from auricle.scoring.text import normalize_basic
from manifest import Recording, find_manifest, read_manifest

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording in the repository, with what is said in it."""

    path: Path
    duration_s: float
    language: str
    reference: str

    @property
    def words(self) -> str:
        """The reference, normalised."""
        return normalize_basic(self.reference)


JFK = Clip(
    DATA / "jfk.mp3",
    11.0,
    "en",
    "And so, my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country.",
)
ASK_NOT = Clip(DATA / "ask-not.flac", 5.35, "en", "Ask not what your country can do for you.")
GERMAN = Clip(
    DATA / "weissenburg.webm",
    6.833,
    "de",
    "Sie ist nach der Kreisstadt Weißenburg des Landkreises Weißenburg-Gunzenhausen benannt.",
)

RESTAURANT = Clip(
    DATA / "restaurant.flac",
    5.875,
    "en",
    "A book could be written about this restaurant, and then all would not be told, "
    "for all its secrets can never be known.",
)


def large_set() -> list[Recording]:
    """The recordings of the large set; none where there is no such set.

    Raises:
        SystemExit: AURICLE_TEST_AUDIO names a folder without a manifest.
    """
    try:
        return read_manifest(find_manifest(None))
    except SystemExit:
        if os.environ.get("AURICLE_TEST_AUDIO"):
            raise
        return []
