import argparse
import json
from pathlib import Path
from typing import Any

import pytest

import quality
from manifest import Recording
from records import Recorder
from systems import Answer


class Scripted:
    """Answers from a table."""

    name = "scripted"

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers

    def transcribe(self, recording: Recording) -> Answer:
        return self._answers[recording.id]


READ = Recording("r", Path("r.wav"), "read", "en", 2.0, "one two three")
SUNG = Recording("k", Path("k.wav"), "lid", "ko", 2.0, None)
HUM = Recording("n", Path("n.wav"), "nospeech", "none", 2.0, "")
OURS = Scripted({"r": Answer("One two.", "en"), "k": Answer("x", "ko"), "n": Answer("", None)})
PEER = Scripted(
    {
        "r": Answer("One two three.", "en"),
        "k": Answer("x", "ja"),
        "n": Answer("Thank you.", "en"),
    }
)


def run(tmp_path: Path, systems: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    recorder = Recorder("quality", tmp_path)
    outcomes = quality.transcribe_all([READ, SUNG, HUM], systems, {}, recorder)
    n_failed = quality.report(outcomes, recorder)
    return n_failed, [json.loads(line) for line in recorder.path.read_text().splitlines()]


def test_everything_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    n_failed, _ = run(tmp_path, {"auricle": OURS, "peer": PEER})
    printed = capsys.readouterr().out
    assert n_failed == 0
    assert "| read, pooled |     1 |     3 |      1 (0/1/0) |" in printed
    assert "33.3 %" in printed
    assert "too few words" in printed
    assert "Language right, auricle: 2 of 2" in printed
    assert "Language right, peer: 1 of 2\n  k: ko taken for ja" in printed
    assert "Text without speech, auricle: 0 of 1" in printed
    assert "Text without speech, peer: 1 of 1\n  n: Thank you." in printed


def test_everything_is_recorded(tmp_path: Path) -> None:
    _, lines = run(tmp_path, {"auricle": OURS, "peer": PEER})
    kinds = [line["type"] for line in lines]
    assert kinds == ["item"] * 3 + ["set"] + ["language"] * 2 + ["silence"] * 2
    assert lines[0]["answers"]["auricle"]["text"] == "One two."
    assert lines[0]["errors"]["auricle"]["deletions"] == 1
    assert lines[3]["rates"] == {"auricle": 0.3333, "peer": 0.0}
    assert "interval" not in lines[3]


def test_a_comparison_with_enough_words_has_an_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder("quality", tmp_path)
    outcomes = quality.transcribe_all([READ] * 10, {"auricle": OURS, "peer": PEER}, {}, recorder)
    quality.report(outcomes, recorder)
    assert "|      +33.3 | +33.3 .. +33.3 |   worse |" in capsys.readouterr().out
    line = next(x for x in recorder.path.read_text().splitlines() if '"set"' in x)
    assert json.loads(line)["interval"] == [0.3333, 0.3333]


def test_a_system_alone_needs_no_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, {"auricle": OURS})
    assert "interval" not in capsys.readouterr().out


def test_failures_are_named_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = Scripted({name: Answer("", None, error="boom") for name in "rkn"})
    n_failed, _ = run(tmp_path, {"auricle": broken})
    assert n_failed == 3
    assert "auricle on r: boom" in capsys.readouterr().out


def test_kinds_and_limit_choose_recordings() -> None:
    options = argparse.Namespace(only=["read", "nospeech"], limit=1)
    assert quality.select([READ, READ, SUNG, HUM], options) == [READ, HUM]
    everything = argparse.Namespace(only=None, limit=None)
    assert quality.select([HUM, READ, SUNG], everything) == [READ, SUNG, HUM]
