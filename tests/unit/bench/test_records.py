import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.process_tree import tree_cpu_s
from cpu_time import machine_cpu_s, own_cpu_s
from manifest import find_manifest, read_manifest
from records import Recorder, command_line, describe_run
from table import format_table, percent

needs_proc = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc here")


def test_lines_are_appended_as_they_come(tmp_path: Path) -> None:
    recorder = Recorder("quality", tmp_path / "results")
    recorder.write("run", {"text": "naïve"})
    recorder.write("item", {})
    lines = [json.loads(line) for line in recorder.path.read_text("utf-8").splitlines()]
    assert lines == [{"type": "run", "text": "naïve"}, {"type": "item"}]


def test_a_recorded_command_names_no_place_of_this_machine() -> None:
    command = command_line(["/home/me/bench/quality.py", "--weights", "/home/me/base", "--only=x"])
    assert command == "bench/quality.py --weights base --only=x"


def test_a_run_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_BEAM_SIZE", "2")
    monkeypatch.setenv("AURICLE_API_KEYS", "sesame")
    run = describe_run(tmp_path)
    assert run["machine"]["cores"] >= 1
    assert run["settings"] == {"AURICLE_BEAM_SIZE": "2"}
    assert "python" in run["versions"]
    assert run["weights_sha256"] is None
    assert "sesame" not in json.dumps(run)


def test_tables_are_aligned_markdown() -> None:
    table = format_table(["set", "WER"], [["read en", percent(0.0814)], ["x", "10.0 %"]])
    assert table.splitlines() == [
        "| set     |    WER |",
        "| ------- | -----: |",
        "| read en |  8.1 % |",
        "| x       | 10.0 % |",
    ]


def test_a_manifest_is_found_by_folder_or_file_and_read(tmp_path: Path) -> None:
    row = {"id": "a", "path": "x/a.flac", "kind": "lid", "language": "ko", "duration_s": 1.5}
    hostile = {"id": "h", "path": "h", "kind": "hostile", "language": "none", "duration_s": None}
    path = tmp_path / "manifest.jsonl"
    path.write_text(json.dumps({**row, "reference": None}) + "\n\n" + json.dumps(hostile))
    assert find_manifest(str(tmp_path)) == find_manifest(str(path)) == path
    recording, no_audio = read_manifest(path)
    assert no_audio.duration_s == 0
    assert recording.path == tmp_path / "x" / "a.flac"
    assert (recording.duration_s, recording.reference) == (1.5, None)


def test_a_missing_manifest_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--manifest"):
        find_manifest(str(tmp_path))


@needs_proc
def test_cpu_time_of_children_counts_in_the_tree_and_not_in_our_own() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    own, tree, machine = own_cpu_s(), tree_cpu_s(os.getpid()), machine_cpu_s()
    subprocess.run([sys.executable, "-c", busy], check=True)
    later_tree, later_machine = tree_cpu_s(os.getpid()), machine_cpu_s()
    assert own_cpu_s() - own < 0.2
    assert tree is not None
    assert later_tree is not None
    assert later_tree - tree >= 0.28  # the clock ticks every 10 ms
    assert machine is not None
    assert later_machine is not None
    assert later_machine - machine >= 0.25
