"""The speech detector's weights, as `make setup` fetched them."""

from functools import cache
from pathlib import Path

from auricle.settings import load
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable


@cache
def vad_file() -> Path:
    """The ONNX file, from the cache or whatever source has it."""
    settings, _ = load()
    row = ModelTable.load().find("silero-vad")
    assert row is not None
    store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
    return store.resolve(row) / row.files[0].name
