"""Whether a folder holds a model's files, cheaply where a record of the last check still holds.

A record is written beside the files after their hashes were checked: sha256, size and time of
change of each. While sizes and times agree, files are not hashed again. For files that the
table knows no hash of (any hub model), the record is what they are held to.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from auricle.weights.files import hash_file
from auricle.weights.row import ModelRow

RECORD_NAME = ".auricle.json"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file when it was last checked; `mtime_ns` 0 means that it must be hashed again."""

    sha256: str
    n_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is wrong with a folder, a clause each; nothing if it is as it should be."""

    problems: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems

    @property
    def summary(self) -> str:
        """All problems in one clause."""
        return ", ".join(self.problems)


def read_record(path: Path) -> dict[str, FileRecord]:
    """The record, by file name; empty when there is none or it makes no sense."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): FileRecord(**entry) for name, entry in raw["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write_record(path: Path, files: dict[str, FileRecord]) -> None:
    """Replace the record.

    Raises:
        OSError: of the disk.
    """
    text = json.dumps({"files": {name: asdict(entry) for name, entry in files.items()}}, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def record_of(folder: Path, hashes: dict[str, str]) -> dict[str, FileRecord]:
    """The record of files whose hashes are known."""
    return {name: _file_record(folder / name, sha256) for name, sha256 in hashes.items()}


def _file_record(path: Path, sha256: str) -> FileRecord:
    stat = path.stat()
    return FileRecord(sha256, stat.st_size, stat.st_mtime_ns)


def is_complete(folder: Path, row: ModelRow) -> bool:
    """Whether all files are there in the right size; nothing is read.

    Raises:
        OSError: the folder cannot be looked into.
    """
    present = _present(folder)
    return not row.lacking(present) and all(
        (folder / spec.name).stat().st_size == spec.bytes for spec in row.files
    )


def inspect(folder: Path, row: ModelRow, record_path: Path, *, full: bool = False) -> Inspection:
    """Compare a folder with the table and with the record of its last check.

    Args:
        folder: must exist.
        row: what is demanded.
        record_path: where the record is; renewed after hashing, where it can be written.
        full: hash every file, whatever the record says.

    Raises:
        OSError: a file cannot be read.
    """
    present = _present(folder)
    if lacking := row.lacking(present):
        return Inspection(tuple(f"{name} is missing" for name in lacking))
    old = read_record(record_path)
    demanded = {spec.name: spec.sha256 for spec in row.files}
    new: dict[str, FileRecord] = {}
    problems = []
    for name in row.wanted(present) if demanded or not old else tuple(old):
        if name not in present:
            problems.append(f"{name} is missing")
            new[name] = old[name]
            continue
        new[name], is_right = _check(folder / name, demanded.get(name), old.get(name), full=full)
        if not is_right:
            problems.append(f"{name} is damaged")
    if new != old:
        with suppress(OSError):  # a folder that is only readable is hashed at every start
            write_record(record_path, new)
    return Inspection(tuple(problems))


def _check(
    path: Path, demanded: str | None, old: FileRecord | None, *, full: bool
) -> tuple[FileRecord, bool]:
    """The file's record, and whether it is what the table or the old record demands."""
    demanded = demanded or (old.sha256 if old else None)
    now = _file_record(path, demanded or "")
    if now == old and not full:
        return now, True
    sha256 = hash_file(path)
    if demanded is None or sha256 == demanded:
        return _file_record(path, sha256), True
    return FileRecord(demanded, now.n_bytes, 0), False


def _present(folder: Path) -> frozenset[str]:
    return frozenset(entry.name for entry in folder.iterdir() if entry.is_file())
