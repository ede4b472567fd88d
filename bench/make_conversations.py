"""Build conversations with exact turns from utterances of single speakers.

The settings of the speaker pipeline are chosen on these, never on the set that is reported:
give it speakers who do not occur there.

    python bench/make_conversations.py UTTERANCES OUT --texts TEXTS

`UTTERANCES` holds one folder a speaker with at least ten utterances; a line of `TEXTS` is the name
of an utterance's file without its ending, a tab, and its words. Every draw is seeded.
"""

import argparse
import io
import json
import wave
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from auricle.audio.decode import Decoder
from auricle.audio.decode_limits import DecodeLimits
from auricle.audio.waveform import SAMPLE_RATE, Waveform

EDGE_DB = -38.0
"""Edge silence is what lies this far below an utterance's peak."""
LEVEL_DBFS, LEVEL_SPREAD_DB = -25.0, 2.5
MIN_GAP_S, MAX_GAP_S = 0.15, 1.1
MIN_OVERLAP_S, MAX_OVERLAP_S = 0.4, 1.0
PHONE_RATE = 8000  # Hz
ROOM_S, ROOM_DECAY_S, ROOM_NOISE_DBFS = 0.25, 0.06, -52.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """A conversation: speakers, length, what happens to its sound, and the seed."""

    name: str
    n_speakers: int
    duration_s: float
    seed: int
    overlap_every: int = 4  # turns; 0: never
    condition: str = "clean"  # or `room` (echo and noise) or `phone` (8 kHz, mu-law)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One speaker's sound, and what is said; empty if that is not known."""

    waveform: Waveform
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Seconds, who speaks, and what."""

    start: float
    end: float
    speaker: str
    text: str


def recipes(n_speakers: int, long_s: float) -> list[Recipe]:
    """Every number of speakers in every condition, some short ones, and a long one."""
    made = []
    for count in range(2, n_speakers + 1):
        for seed, condition in enumerate(("clean", "clean", "room", "phone")):
            name = f"{count}-{condition}-{seed}"
            made.append(
                Recipe(name, count, 55 + 25 * count, 100 * count + seed, 3 + seed, condition)
            )
    made += [Recipe(f"short-{n}", n, 14 * n, 900 + n) for n in (1, 2, 3)]
    for seed, condition in enumerate(("clean", "room")):
        made.append(Recipe(f"in-turn-{condition}", n_speakers, 240, 950 + seed, 0, condition))
    if long_s:
        made.append(Recipe("long", n_speakers, long_s, 990, condition="room"))
    return made


def read(path: Path) -> Waveform:
    """A recording as the server reads it."""
    decoder = Decoder(io.BytesIO(path.read_bytes()), DecodeLimits())
    return np.concatenate(list(decoder.blocks()))


def trimmed(waveform: Waveform) -> Waveform:
    """Without the silence at its edges."""
    n_frames = len(waveform) // 80
    peaks = np.abs(waveform[: n_frames * 80].reshape(n_frames, 80)).max(axis=1)
    loud = np.flatnonzero(peaks > peaks.max() * 10 ** (EDGE_DB / 20))
    return waveform[loud[0] * 80 : (loud[-1] + 1) * 80]


def mix(
    utterances: Mapping[str, Sequence[Utterance]], recipe: Recipe
) -> tuple[NDArray[np.float32], list[Turn]]:
    """The conversation's waveform and turns."""
    rng = np.random.default_rng(recipe.seed)
    speakers = [str(name) for name in rng.choice(sorted(utterances), recipe.n_speakers, False)]
    order = {name: rng.permutation(len(utterances[name])) for name in speakers}
    level = {n: LEVEL_DBFS + rng.uniform(-LEVEL_SPREAD_DB, LEVEL_SPREAD_DB) for n in speakers}
    used = dict.fromkeys(speakers, 0)
    turns: list[Turn] = []
    placed: list[tuple[int, Waveform]] = []
    clock_s, previous = 0.5, ""
    while clock_s < recipe.duration_s:
        others = [name for name in speakers if name != previous] or speakers
        speaker = min(others, key=lambda name: used[name] + rng.uniform(0, 2))
        which = order[speaker][used[speaker] % len(order[speaker])]
        piece = utterances[speaker][int(which)].waveform
        used[speaker] += 1
        n_between = recipe.overlap_every
        overlaps = turns and n_between and len(turns) % n_between == 0 and previous != speaker
        gap_s = -rng.uniform(MIN_OVERLAP_S, MAX_OVERLAP_S) if overlaps else 0.0
        gap_s = gap_s or rng.uniform(MIN_GAP_S, MAX_GAP_S)
        start = round(max(0.0, clock_s + (gap_s if turns else 0)) * SAMPLE_RATE)
        gain = 10 ** (level[speaker] / 20) / np.sqrt(np.mean(piece**2))
        placed.append((start, piece * np.float32(gain)))
        end = start + len(piece)
        text = utterances[speaker][int(which)].text
        turns.append(Turn(start / SAMPLE_RATE, end / SAMPLE_RATE, speaker, text))
        clock_s, previous = turns[-1].end, speaker
    waveform = np.zeros(round((clock_s + 0.5) * SAMPLE_RATE), np.float32)
    for start, piece in placed:
        waveform[start : start + len(piece)] += piece[: len(waveform) - start]
    return _conditioned(waveform, recipe.condition, rng), turns


def _conditioned(
    waveform: Waveform, condition: str, rng: np.random.Generator
) -> NDArray[np.float32]:
    if condition == "room":
        echo = np.zeros(round(ROOM_S * SAMPLE_RATE))
        echo[0] = 1
        at = rng.integers(80, len(echo), 400)
        echo[at] += rng.normal(0, 0.12, 400) * np.exp(-at / (ROOM_DECAY_S * SAMPLE_RATE))
        size = 1 << (len(waveform) + len(echo)).bit_length()
        wet = np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(echo, size), size)
        noise = rng.normal(0, 10 ** (ROOM_NOISE_DBFS / 20), len(waveform))
        return (wet[: len(waveform)] + noise).astype(np.float32)
    if condition == "phone":
        narrow = np.clip(soxr.resample(waveform, SAMPLE_RATE, PHONE_RATE), -1, 1)
        law = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
        law = np.round(law * 127) / 127
        line = np.sign(law) * (256 ** np.abs(law) - 1) / 255
        heard: Waveform = soxr.resample(line.astype(np.float32), PHONE_RATE, SAMPLE_RATE)
        return heard
    return waveform


def write_wave(path: Path, waveform: Waveform) -> None:
    """16 bits, mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes())


def rttm(name: str, turns: list[Turn]) -> str:
    """Turns in NIST's format, a line each."""
    return "".join(
        f"SPEAKER {name} 1 {t.start:.3f} {t.end - t.start:.3f} <NA> <NA> {t.speaker} <NA> <NA>\n"
        for t in sorted(turns, key=lambda turn: turn.start)
    )


def read_utterances(folder: Path, texts: Mapping[str, str]) -> dict[str, list[Utterance]]:
    """Utterances by speaker, without the silence at their edges."""
    return {
        speaker.name: [
            Utterance(trimmed(read(path)), texts.get(path.stem, ""))
            for path in sorted(speaker.iterdir())
        ]
        for speaker in sorted(folder.iterdir())
        if speaker.is_dir()
    }


def write(folder: Path, recipe: Recipe, waveform: Waveform, turns: list[Turn]) -> dict[str, Any]:
    """A conversation's files; its line of the manifest."""
    name = recipe.name
    turns = sorted(turns, key=lambda turn: turn.start)
    write_wave(folder / f"{name}.wav", waveform)
    (folder / f"{name}.rttm").write_text(rttm(name, turns))
    (folder / f"{name}.turns.json").write_text(json.dumps([asdict(turn) for turn in turns]))
    is_known = all(turn.text for turn in turns)
    row = {
        "id": name,
        "path": f"{name}.wav",
        "kind": "conversation",
        "language": "en",
        "duration_s": round(len(waveform) / SAMPLE_RATE, 3),
        "rttm": f"{name}.rttm",
        "speakers": sorted({turn.speaker for turn in turns}),
    }
    if is_known:
        row["reference"] = " ".join(turn.text for turn in turns)
        row["turns"] = f"{name}.turns.json"
    return row


def main() -> None:
    """Build all of them, with a manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("utterances", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--texts", type=Path, help="what is said in the utterances")
    parser.add_argument("--long-s", type=float, default=0.0, help="length of the long one")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    lines = options.texts.read_text(encoding="utf-8").splitlines() if options.texts else []
    utterances = read_utterances(options.utterances, dict(line.split("\t")[:2] for line in lines))
    rows = []
    for recipe in recipes(len(utterances), options.long_s):
        rows.append(json.dumps(write(options.out, recipe, *mix(utterances, recipe))))
        print(rows[-1])
    (options.out / "manifest.jsonl").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
