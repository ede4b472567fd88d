"""Voxtral from the hub: the layout of the engine that will run it, and the account it may need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auricle.errors import WeightsError
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable
from unit.weights.fake_hub import FakeHub, fake_hub

MINI = "voxtral-mini-3b-2507"
MISTRAL = {
    "params.json": b"{}",
    "consolidated.safetensors": bytes(range(256)) * 400,
    "tekken.json": b"{}",
}
HUGGING_FACE = {
    "config.json": b"{}",
    "model.safetensors.index.json": b"{}",
    "model-00001-of-00002.safetensors": b"1" * 1000,
    "model-00002-of-00002.safetensors": b"2" * 1000,
    "preprocessor_config.json": b"{}",
    "tekken.json": b"{}",
}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    pytest.importorskip("huggingface_hub")
    files = {"README.md": b"", **HUGGING_FACE, **MISTRAL}
    source = ModelTable.load().configured(MINI).hub
    assert source is not None
    with fake_hub(source.repo, files, source.revision) as hub:
        hub.lfs = {name for name in hub.files if name.endswith(".safetensors")}
        yield hub


@pytest.mark.parametrize(("engine", "files"), [("vllm", MISTRAL), ("transformers", HUGGING_FACE)])
def test_the_layout_of_the_engine_is_fetched(
    cache: Path, hub: FakeHub, engine: str, files: dict[str, bytes]
) -> None:
    (row,) = ModelTable.load().served(MINI, engine=engine)
    folder = ModelStore(cache, hub_endpoint=hub.endpoint).resolve(row)
    fetched = {path.name: path.read_bytes() for path in folder.iterdir()}
    del fetched[".auricle.json"]
    assert fetched == files


def test_the_other_layout_is_fetched_when_the_engine_changes(cache: Path, hub: FakeHub) -> None:
    store = ModelStore(cache, hub_endpoint=hub.endpoint)
    for engine, needed in (("vllm", MISTRAL), ("transformers", HUGGING_FACE), ("vllm", MISTRAL)):
        (row,) = ModelTable.load().served(MINI, engine=engine)
        folder = store.resolve(row)
        assert {path.name for path in folder.iterdir()} >= set(needed)


def test_a_card_with_terms_asks_for_an_account(cache: Path, hub: FakeHub) -> None:
    hub.is_gated = True
    row = ModelTable.load().configured(MINI)
    with pytest.raises(WeightsError, match="HF_TOKEN must hold a token of an account that may"):
        ModelStore(cache, hub_endpoint=hub.endpoint).resolve(row)
