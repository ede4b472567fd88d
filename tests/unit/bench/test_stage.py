import contextlib
import json
from math import isnan
from pathlib import Path

from manifest import Recording
from peers.cast import Peers
from records import Recorder
from rows import clients
from speech import Speech
from stage import Stage, series
from systems import Answer

LONG = Recording("long", Path("l.ogg"), "longform", "en", 60.0, "one two")
SHORT = Recording("short", Path("s.ogg"), "read", "en", 4.9, "one two")


class Timed:
    """Takes a given time on its own clock."""

    def __init__(self, name: str, wall_s: float, *, fails_on: str = "") -> None:
        self.name = name
        self._wall_s = wall_s
        self._fails_on = fails_on

    def transcribe(self, recording: Recording) -> Answer:
        error = "boom" if recording.id == self._fails_on else None
        return Answer("" if error else "one", "en", wall_s=self._wall_s, error=error)


def stage(folder: Path, rounds: int) -> Stage:
    speech = Speech([LONG], [SHORT], folder)
    peers = Peers(contextlib.ExitStack(), speech, folder, threads=1, whisper_cpp=None)
    return Stage([], peers, speech, rounds, Recorder("speed", folder), {})


def test_systems_take_turns_and_each_round_starts_with_another(tmp_path: Path) -> None:
    on = stage(tmp_path, 2)
    measured = on.take_turns("long", [Timed("a", 1), Timed("b", 2)], [LONG, SHORT])
    assert [m.system for m in measured] == ["a", "b", "a", "b", "b", "a", "b", "a"]
    lines = [json.loads(line) for line in on.recorder.path.read_text().splitlines()]
    assert len(lines) == 8
    assert (lines[0]["row"], lines[0]["errors"], lines[0]["words"]) == ("long", 1, 2)
    assert "text" not in lines[0]


def test_a_series_has_a_figure_for_each_round_without_the_failures(tmp_path: Path) -> None:
    systems = [Timed("a", 2), Timed("b", 3, fails_on="short")]
    measured = stage(tmp_path, 2).take_turns("long", systems, [LONG, SHORT])
    of_a = series(measured, "a", lambda ms: sum(m.answer.wall_s for m in ms))
    of_b = series(measured, "b", lambda ms: sum(m.answer.wall_s for m in ms))
    assert (of_a.values, of_a.n_failed, of_a.counts.errors) == ([4, 4], 0, 4)
    assert (of_b.values, of_b.n_failed, of_b.counts.errors) == ([3, 3], 2, 6)
    only_failed = [m for m in measured if m.recording is SHORT]
    assert isnan(series(only_failed, "b", lambda _: 1.0).values[0])


def test_all_systems_are_sent_the_same_queue_and_each_round_another() -> None:
    utterances = [Recording(str(n), Path("u"), "read", "en", 5.0, "x") for n in range(9)]
    first = clients.queue(utterances, 0)
    assert first == clients.queue(utterances, 0)
    assert first != clients.queue(utterances, 1)
    assert sorted(u.id for u in first[:9]) == sorted(u.id for u in utterances)
    assert sorted(u.id for u in first[9:]) == sorted(u.id for u in utterances)


def test_a_round_of_clients_counts_answers_and_failures(tmp_path: Path) -> None:
    played = clients.play(stage(tmp_path, 1), Timed("a", 1), 0)
    assert played.values[0] > 0
    assert (played.counts.n_reference, played.counts.errors) == (4, 2)
    failed = clients.play(stage(tmp_path, 1), Timed("a", 1, fails_on="short"), 0)
    assert (failed.values, failed.n_failed) == ([0], 2)
