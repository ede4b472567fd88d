"""The speech the benchmarks run on: a folder with `manifest.jsonl`, one recording a line."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BESIDE_THE_PROJECT = Path(__file__).resolve().parents[2] / "shared" / "speech"


@dataclass(frozen=True, slots=True)
class Recording:
    """One line of a manifest. `reference` is None without a transcript, "" without speech.

    `duration_s` is 0 where the manifest knows none (files that are no audio). `utterances` is a
    JSON file of what is said when: `start`, `end` (seconds) and `text` of each. Of conversations
    `rttm` has the turns, and `turns` the same as utterances that have a `speaker`.
    """

    id: str
    path: Path
    kind: str
    language: str
    duration_s: float
    reference: str | None
    utterances: Path | None = None
    rttm: Path | None = None
    turns: Path | None = None


def find_manifest(given: str | None) -> Path:
    """The manifest named on the command line, in AURICLE_TEST_AUDIO, or beside the project.

    Args:
        given: a manifest, or the folder it is in.

    Raises:
        SystemExit: there is none; the message says how to name one.
    """
    folder = Path(given or os.environ.get("AURICLE_TEST_AUDIO") or _BESIDE_THE_PROJECT)
    path = folder if folder.suffix == ".jsonl" else folder / "manifest.jsonl"
    if not path.is_file():
        raise SystemExit(f"no manifest at {path}; give --manifest or set AURICLE_TEST_AUDIO")
    return path


def read_manifest(path: Path) -> list[Recording]:
    """All recordings, in the manifest's order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_parse(json.loads(line), path.parent) for line in lines if line.strip()]


def _parse(row: dict[str, Any], folder: Path) -> Recording:
    utterances = row.get("segments") or row.get("turns")
    return Recording(
        id=row["id"],
        path=folder / row["path"],
        kind=row["kind"],
        language=row["language"],
        duration_s=row["duration_s"] or 0.0,
        reference=row.get("reference"),
        utterances=folder / utterances if utterances else None,
        rttm=_file(row.get("rttm"), folder),
        turns=_file(row.get("turns"), folder),
    )


def _file(name: str | None, folder: Path) -> Path | None:
    return None if name is None else folder / name
