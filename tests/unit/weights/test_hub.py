import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auricle.errors import WeightsError
from auricle.weights.row import ModelRow
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable
from unit.weights.fake_hub import FakeHub, fake_hub
from unit.weights.wheelhouse import bare_row, sha256

FILES = {
    "README.md": b"not wanted",
    "config.json": b"{}",
    "model.bin": bytes(range(256)) * 500,
    "tokenizer.json": b"[]",
    "vocabulary.json": b"[1]",
}
WANTED = {name: content for name, content in FILES.items() if name != "README.md"}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    pytest.importorskip("huggingface_hub")
    with fake_hub("owner/whisper", dict(FILES)) as hub:
        yield hub


@pytest.fixture
def store(cache: Path, hub: FakeHub) -> ModelStore:
    return ModelStore(cache, hub_endpoint=hub.endpoint)


@pytest.fixture
def row() -> ModelRow:
    return ModelTable.load().configured("hub:owner/whisper")


def test_any_hub_model_is_fetched_and_its_hashes_recorded(
    hub: FakeHub, store: ModelStore, row: ModelRow
) -> None:
    folder = store.resolve(row)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix != ".json"} == {
        "model.bin": WANTED["model.bin"]
    }
    recorded = json.loads((folder / ".auricle.json").read_text())["files"]
    assert {name: entry["sha256"] for name, entry in recorded.items()} == {
        name: sha256(content) for name, content in WANTED.items()
    }
    assert sorted(hub.downloads) == sorted(WANTED)
    assert store.resolve(row) == folder
    assert len(hub.downloads) == len(WANTED)
    assert store.verify(row).state == "ok"


def test_recorded_hashes_are_demanded_afterwards(
    hub: FakeHub, store: ModelStore, row: ModelRow
) -> None:
    folder = store.resolve(row)
    (folder / "model.bin").write_bytes(b"damaged")
    assert store.verify(row).problem == "model.bin is damaged"
    assert (store.resolve(row) / "model.bin").read_bytes() == WANTED["model.bin"]
    assert hub.downloads.count("model.bin") == 2


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_a_file_other_than_the_hub_says_is_refused(
    hub: FakeHub, store: ModelStore, row: ModelRow, name: str
) -> None:
    """In LFS by its sha256, elsewhere by git's own hash."""
    hub.sent_instead[name] = b"x" * len(FILES[name])
    with pytest.raises(WeightsError, match=rf"hub: the hub's {name} is not the expected file"):
        store.resolve(row)
    assert not store.is_cached(row)


def test_a_row_with_hashes_demands_them_of_the_hub(hub: FakeHub, store: ModelStore) -> None:
    files = [{"name": n, "bytes": len(c), "sha256": sha256(c)} for n, c in WANTED.items()]
    raw = {**bare_row(), "files": files, "hub": {"repo": "owner/whisper"}}
    hub.files["config.json"] = b"[]"
    with pytest.raises(WeightsError, match=r"the hub's config.json is not the expected file"):
        store.resolve(ModelRow.model_validate(raw))
    hub.files["config.json"] = FILES["config.json"]
    assert (store.resolve(ModelRow.model_validate(raw)) / "model.bin").exists()


def test_a_repository_that_is_no_whisper_model(
    hub: FakeHub, store: ModelStore, row: ModelRow
) -> None:
    del hub.files["model.bin"]
    with pytest.raises(WeightsError, match=r"owner/whisper has no model.bin, it is no Whisper"):
        store.resolve(row)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("hub:owner/other", "the hub has no model owner/other that this machine may read"),
        ("hub:owner/whisper@v9", "the hub's owner/whisper has no revision v9"),
    ],
)
def test_what_the_hub_does_not_have(
    hub: FakeHub, store: ModelStore, value: str, sentence: str
) -> None:
    with pytest.raises(WeightsError, match=sentence):
        store.resolve(ModelTable.load().configured(value))


def test_a_hub_out_of_reach(cache: Path, row: ModelRow) -> None:
    pytest.importorskip("huggingface_hub")
    store = ModelStore(cache, hub_endpoint="http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"hub: the hub cannot be reached .*connect this"):
        store.resolve(row)


def test_the_missing_client_is_named(
    cache: Path, row: ModelRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match=r"client is missing: `pip install auricle\[hub\]`"):
        ModelStore(cache).resolve(row)


def test_a_file_in_the_way_of_a_hub_download(hub: FakeHub, cache: Path, row: ModelRow) -> None:
    (cache / "models").mkdir(parents=True)
    (cache / "models" / ".partial").write_text("")
    with pytest.raises(WeightsError, match=r"\.partial is in the way, a folder is needed there"):
        ModelStore(cache, hub_endpoint=hub.endpoint).resolve(row)
