"""What the tests of this room share."""

import pytest

from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.settings import load
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable


@pytest.fixture(scope="session")
def tokenizer() -> WhisperTokenizer:
    """The multilingual vocabulary, as `make setup` fetched it."""
    settings, _ = load()
    store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
    row = ModelTable.load().configured("whisper-base")
    return WhisperTokenizer(store.resolve(row) / "tokenizer.json")
