"""A Python with the extra `voxtral` on top of the tests' own, and tiny checkpoints made by it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ROOM = ROOT / ".venvs" / "transformers"
PYTHON = _ROOM / "bin" / "python"
OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
CHECKPOINTS = ("mini", "realtime")
"""One of each class: what `make_checkpoints` makes."""


def is_installed() -> bool:
    """Whether `make sdks` found torch."""
    return (_ROOM / ".installed").exists()


def make_checkpoints(folder: Path) -> None:
    """Write the seeded checkpoints into `folder`, each in both layouts."""
    command: list[str | Path] = [PYTHON, "-m", "tools.tiny_voxtral", folder]
    subprocess.run(command, cwd=ROOT, env=OFFLINE, check=True)
