"""What the tests of this room share."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.kernel import Kernel, KernelLimits
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.engines.whisper.weights import WhisperWeights, load_weights
from auricle.settings import load
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable
from whisper.checkpoints import SHAPES, Shape, neutral_arrays, write_ctranslate2
from whisper.tokenizers import write_tokenizer

KernelOf = Callable[[str, GraphOptions], Kernel]


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], WhisperWeights]:
    @cache
    def of(name: str) -> WhisperWeights:
        folder: Path = tmp_path_factory.mktemp(name)
        return load_weights(write_ctranslate2(folder, neutral_arrays(SHAPES[name])))

    return of


@pytest.fixture(scope="session")
def tiny_kernel(tiny_weights: Callable[[str], WhisperWeights]) -> KernelOf:
    """A kernel of a shape; the same one for all tests, which leave no rows behind."""

    @cache
    def of(name: str, options: GraphOptions) -> Kernel:
        limits = KernelLimits(n_windows=8, n_rows=12, max_tokens=80)
        return Kernel(tiny_weights(name), options, limits)

    return of


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Path]:
    """A whole checkpoint with a real vocabulary and 30 s of context, and random weights."""

    @cache
    def of(multilingual: bool) -> Path:
        folder = tmp_path_factory.mktemp("multilingual" if multilingual else "english")
        n_vocab = write_tokenizer(folder, multilingual=multilingual)
        shape = Shape(n_vocab=n_vocab, n_audio=1500, n_text=448)
        return write_ctranslate2(folder, neutral_arrays(shape, sharpness=0.2))

    return of


@pytest.fixture(scope="session")
def whisper_base() -> Path:
    """The real checkpoint, as `make setup` fetched it."""
    settings, _ = load()
    store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
    row = ModelTable.load().configured("whisper-base")
    return store.resolve(row)


@pytest.fixture(scope="session")
def tokenizer(whisper_base: Path) -> WhisperTokenizer:
    """The multilingual vocabulary."""
    return WhisperTokenizer(whisper_base / "tokenizer.json")
