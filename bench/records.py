"""Results as JSON lines: what ran, on what, with which versions, and every single figure."""

import datetime as dt
import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
_PACKAGES = (
    "auricle",
    "av",
    "ctranslate2",
    "faster-whisper",
    "onnxruntime",
    "openvino",
    "pyannote.metrics",
    "sherpa-onnx",
    "whisper-normalizer",
)
_SETTINGS_OF_INTEREST = (
    "AURICLE_BEAM_SIZE",
    "AURICLE_CONDITION_ON_PREVIOUS_TEXT",
    "AURICLE_MODEL",
    "AURICLE_WORKERS",
)


class Recorder:
    """Appends to `results/NAME-DATE.jsonl`, a line as soon as it is known."""

    def __init__(self, name: str, folder: Path = RESULTS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}-{dt.datetime.now(dt.UTC):%Y-%m-%d}.jsonl"

    def write(self, kind: str, values: dict[str, Any]) -> None:
        """One line: `type` and the values."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"type": kind, **values}, ensure_ascii=False) + "\n")


def describe_run(weights: Path | None) -> dict[str, Any]:
    """Command, commit, machine and versions. Absolute paths are cut to their last part."""
    return {
        "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "command": command_line(sys.argv),
        "settings": {n: os.environ[n] for n in _SETTINGS_OF_INTEREST if n in os.environ},
        "commit": _commit(),
        "machine": describe_machine(),
        "versions": {"python": platform.python_version(), **_versions()},
        "weights_sha256": None if weights is None else _sha256(weights / "model.bin"),
    }


def command_line(arguments: list[str]) -> str:
    """The command as typed, without the places of this machine."""
    script, *options = arguments
    shown = [Path(o).name if o.startswith("/") else o for o in options]
    return shlex.join([f"bench/{Path(script).name}", *shown])


def describe_machine() -> dict[str, Any]:
    """Cores we may use, processor, memory, and how busy the machine is already."""
    return {
        "cores": n_cores(),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def n_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def warn_if_busy() -> None:
    """Say on standard error that figures will be off, if others compute now."""
    load = os.getloadavg()[0]
    if load > 0.3 * n_cores():
        print(f"warning: load average {load:.2f}, the machine is busy", file=sys.stderr)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or None


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
