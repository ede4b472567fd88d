import io
from pathlib import Path

import pytest

from auricle.weights.progress import Bars, Lines, progress_for, readable_bytes, watched


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Recorder:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []
        self.n_closed = 0

    def note(self, message: str) -> None:
        raise AssertionError(message)

    def advance(self, label: str, done: int, total: int) -> None:
        self.steps.append((label, done, total))

    def close(self) -> None:
        self.n_closed += 1


def test_lines_say_each_step_once() -> None:
    stream = io.StringIO()
    lines = progress_for(stream)
    assert isinstance(lines, Lines)
    for done in (0, 500_000, 2_000_000):
        lines.advance("fetching", done, 2_000_000)
    lines.advance("unpacking", 0, 0)
    lines.note("done")
    assert stream.getvalue() == "fetching (2 MB)\nunpacking\ndone\n"


def test_bars_on_a_terminal() -> None:
    stream = Terminal()
    bars = progress_for(stream)
    assert isinstance(bars, Bars)
    bars.advance("fetching", 0, 1000)
    bars.advance("fetching", 1000, 1000)
    bars.advance("unpacking", 5, 0)
    bars.note("a note")
    bars.close()
    shown = stream.getvalue()
    assert "fetching: 100%" in shown
    assert "unpacking" in shown
    assert "a note" in shown


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(1, "1 kB"), (1500, "2 kB"), (147_882_941, "148 MB"), (3_090_835_702, "3.1 GB")],
)
def test_sizes_for_people(n_bytes: int, text: str) -> None:
    assert readable_bytes(n_bytes) == text


def test_a_watched_folder_ends_at_its_total(tmp_path: Path) -> None:
    recorder = Recorder()
    with watched(recorder, "fetching", tmp_path, 100):
        (tmp_path / "f").write_bytes(bytes(100))
    assert recorder.steps[0] == ("fetching", 0, 100)
    assert recorder.steps[-1] == ("fetching", 100, 100)
    assert recorder.n_closed == 1


def test_a_failed_download_does_not_claim_its_total(tmp_path: Path) -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match="broken"), watched(recorder, "fetching", tmp_path, 100):
        raise ValueError("broken")
    assert ("fetching", 100, 100) not in recorder.steps
    assert recorder.n_closed == 1
