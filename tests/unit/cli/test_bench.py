"""`auricle bench` and `auricle tune`: what they take, show and choose, and a real run."""

from pathlib import Path

import pytest

from auricle.cli import bench, main, tune
from auricle.cli.measuring import Load, Timed, find_recordings
from auricle.cli.tune import Choice, Speeds
from auricle.errors import InvalidRequest

CLIP = Path(__file__).parents[2] / "data" / "ask-not.flac"


def test_a_folder_stands_for_the_files_in_it(tmp_path: Path) -> None:
    for name in ("b.wav", "a.mp3", ".hidden", "deeper/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_recordings([tmp_path, CLIP])
    assert found == [tmp_path / "a.mp3", tmp_path / "b.wav", CLIP]


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no such file or folder"):
        find_recordings([tmp_path / "none.wav"])
    with pytest.raises(InvalidRequest, match="no files"):
        find_recordings([tmp_path])


def test_figures_are_those_of_the_load() -> None:
    timed = [Timed(CLIP, 30.0, 0.5, 2.0), Timed(CLIP, 60.0, 0.7, 4.0), Timed(CLIP, 30.0, None, 1.0)]
    alone, together = Load(timed, 10.0, 8.0), Load(timed, 5.0, 6.0)
    text = "\n".join(bench.report(1.25, alone, together, 950_000_000))
    assert "12.0 s of audio a second (3 recordings, 120 s)" in text
    assert "0.60 s (longest 0.70 s)" in text
    assert "3 at once                24.0 s of audio a second" in text
    assert "3.0 s a minute of audio" in text
    assert "0.95 GB" in text


def test_what_the_system_does_not_tell_is_left_out() -> None:
    load = Load([Timed(CLIP, 3.0, None, 1.0)], 1.0, None)
    lines = bench.report(1.0, load, load, None)
    assert [line.split("  ")[0] for line in lines] == ["workers ready after", "one at a time"]


def test_cores_are_split_in_every_sensible_way() -> None:
    assert tune.layouts(1, 8) == [Choice(1, 1, 8)]
    assert tune.layouts(2, 8) == [Choice(2, 1, 8), Choice(1, 2, 8)]
    assert tune.layouts(8, 8) == [Choice(8, 1, 8), Choice(4, 2, 8), Choice(1, 8, 8)]


@pytest.mark.parametrize(("gain", "chosen"), [(1.04, 4), (1.2, 8)])
def test_more_memory_must_be_worth_it(gain: float, chosen: int) -> None:
    speeds = {
        Choice(2, 1, 4): Speeds(at_once=[9.0, 10.0, 30.0]),
        Choice(2, 1, 8): Speeds(at_once=[10.0 * gain] * 3),
        Choice(2, 1, 16): Speeds(at_once=[10.0 * gain] * 3),
    }
    assert tune.choose(speeds).batch == chosen


def test_a_choice_is_printed_as_settings() -> None:
    lines = Choice(2, 1, 8).lines()
    assert lines == ["AURICLE_WORKERS=2", "AURICLE_THREADS=1", "AURICLE_BATCH=8"]


def test_a_machine_is_measured_on_the_users_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("no recording")
    (tmp_path / "clip.flac").write_bytes(CLIP.read_bytes())
    flags = ["--workers", "1", "--beam-size", "1", "--engine", "ctranslate2"]
    assert main(["bench", str(tmp_path), *flags]) == 0
    printed = capsys.readouterr()
    assert "ctranslate2, 1 x 1 threads" in printed.out
    assert "one at a time" in printed.out
    assert "notes.txt is left out" in printed.err


@pytest.mark.long
def test_a_machine_is_tuned_on_the_users_recordings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "ROUNDS", 1)
    assert main(["tune", str(CLIP), "--beam-size", "1", "--engine", "openvino"]) == 0
    printed = capsys.readouterr()
    names = [line.partition("=")[0] for line in printed.out.split()]
    assert names == ["AURICLE_WORKERS", "AURICLE_THREADS", "AURICLE_BATCH"]
    assert "batch 16" in printed.err
