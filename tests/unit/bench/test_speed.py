import json
from pathlib import Path

import pytest

import speed
from manifest import Recording
from records import Recorder
from systems import Answer

LONG = Recording("long", Path("l.ogg"), "longform", "en", 60.0, "one two")
SHORT = Recording("short", Path("s.ogg"), "read", "en", 4.9, "one two")


class Timed:
    """Takes a given time on its own clock."""

    def __init__(self, name: str, *seconds: float, error: str | None = None) -> None:
        self.name = name
        self.asked: list[str] = []
        self._seconds = seconds
        self._error = error

    def transcribe(self, recording: Recording) -> Answer:
        wall_s = self._seconds[len(self.asked) % len(self._seconds)]
        self.asked.append(recording.id)
        return Answer(
            "one", "en", wall_s=wall_s, first_s=wall_s / 4, cpu_s=wall_s, error=self._error
        )


def test_systems_take_turns_and_each_round_starts_with_another(tmp_path: Path) -> None:
    recorder = Recorder("speed", tmp_path)
    runs = speed.Runs([Timed("a", 1), Timed("b", 2)], {}, recorder)
    measured = runs.measure([LONG, SHORT], 2, lambda _: None)
    assert [m.system for m in measured] == ["a", "b", "a", "b", "b", "a", "b", "a"]
    lines = [json.loads(line) for line in recorder.path.read_text().splitlines()]
    assert len(lines) == 8
    assert lines[0]["errors"] == 1
    assert "text" not in lines[0]


def test_tables_give_median_and_spread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder("speed", tmp_path)
    runs = speed.Runs([Timed("a", 10, 20, 30)], {}, recorder)
    speed.report(runs.measure([LONG], 3, lambda _: None), [], recorder)
    printed = capsys.readouterr().out
    assert "3.0 [2.0-6.0]" in printed
    assert "50.0 %" in printed
    assert "5.00 s (25.0 %)" in printed
    last_line = recorder.path.read_text().splitlines()[-1]
    assert json.loads(last_line)["rows"] == [["long", "60 s", "5.00 s (25.0 %)"]]


def test_latency_is_in_milliseconds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder("speed", tmp_path)
    runs = speed.Runs([Timed("a", 0.1, 0.2, 0.3)], {}, recorder)
    speed.report([], runs.measure([SHORT], 3, lambda _: None), recorder)
    printed = capsys.readouterr().out
    assert "One utterance of 4.9 s" in printed
    assert "200 [100-300]" in printed


def test_failures_are_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    systems = [Timed("a", 1), Timed("b", 1, error="boom")]
    runs = speed.Runs(systems, {}, Recorder("speed", tmp_path))
    measured = runs.measure([LONG], 1, lambda _: None)
    assert speed.report_troubles(measured) == 1
    assert "failed: b on long: boom" in capsys.readouterr().out
    assert list(speed.grouped(measured)) == ["a"]


def test_the_short_utterance_is_the_one_nearest_to_five_seconds() -> None:
    others = [
        Recording("a", Path("a"), "read", "en", 9.0, "x"),
        Recording("b", Path("b"), "read", "de", 5.0, "x"),
    ]
    assert speed.find_short([*others, SHORT]) == SHORT
