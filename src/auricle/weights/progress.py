"""How a download shows itself: a bar on a terminal, single lines elsewhere."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, TextIO

from tqdm import tqdm

SAMPLE_PERIOD_S = 0.25


class Progress(Protocol):
    """Told by the store what happens; sizes are bytes, a total of 0 means unknown."""

    def note(self, message: str) -> None:
        """Something worth a line happened."""
        ...

    def advance(self, label: str, done: int, total: int) -> None:
        """`label` is at `done` of `total` bytes; a new label begins a new bar."""
        ...

    def close(self) -> None:
        """Nothing more follows for the current bar."""
        ...


class Silence:
    """Shows nothing."""

    def note(self, message: str) -> None:
        """Nothing."""

    def advance(self, label: str, done: int, total: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """One plain line a step; for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._label = ""

    def note(self, message: str) -> None:
        """Print the message."""
        self._stream.write(message + "\n")
        self._stream.flush()

    def advance(self, label: str, done: int, total: int) -> None:
        """Print the label and its size once."""
        if label != self._label:
            self._label = label
            self.note(f"{label} ({readable_bytes(total)})" if total else label)

    def close(self) -> None:
        """Forget the label: the same step again is a new line."""
        self._label = ""


class Bars:
    """A bar a step; for terminals."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: tqdm[None] | None = None
        self._label = ""

    def note(self, message: str) -> None:
        """Print the message above the bar."""
        tqdm.write(message, file=self._stream)

    def advance(self, label: str, done: int, total: int) -> None:
        """Move the bar, or begin it."""
        if self._bar is None or self._label != label:
            self.close()
            self._label = label
            self._bar = tqdm(
                desc=label, total=total or None, unit="B", unit_scale=True, file=self._stream
            )
        self._bar.update(max(0, done - self._bar.n))

    def close(self) -> None:
        """Finish the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def progress_for(stream: TextIO) -> Progress:
    """Bars when the stream is a terminal, else lines."""
    return Bars(stream) if stream.isatty() else Lines(stream)


def readable_bytes(n_bytes: int) -> str:
    """A size for people: `148 MB`, `3.1 GB`."""
    if n_bytes >= 1_000_000_000:
        return f"{n_bytes / 1e9:.1f} GB"
    if n_bytes >= 1_000_000:
        return f"{n_bytes / 1e6:.0f} MB"
    return f"{max(1, round(n_bytes / 1e3))} kB"


@contextmanager
def watched(progress: Progress, label: str, folder: Path, total: int) -> Iterator[None]:
    """Show how a folder grows while somebody else writes into it.

    The size on disk is the one measure that every pip and every hub client gives.
    """
    done = threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_PERIOD_S):
            size = _size(folder)
            progress.advance(label, min(size, total) if total else size, total)

    progress.advance(label, 0, total)
    sampler = threading.Thread(target=sample, name="download-progress", daemon=True)
    sampler.start()
    try:
        yield
        done.set()
        sampler.join()
        progress.advance(label, total, total)
    finally:
        done.set()
        sampler.join()
        progress.close()


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # moved or removed meanwhile
                total += Path(parent, name).stat().st_size
    return total
