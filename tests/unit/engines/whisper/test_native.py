"""The compiled libraries against reference and graphs, and rows against themselves alone."""

import platform
import sys
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.engines.whisper.graphs.compiling import BYTE_LIMIT, GraphOptions
from auricle.engines.whisper.kernel import Kernel, KernelLimits
from auricle.engines.whisper.native import library as native_library
from auricle.engines.whisper.native.library import (
    Native,
    best_native,
    best_native_encoder,
    library,
)
from auricle.engines.whisper.native.log_sum_exp import log_sum_exp
from auricle.engines.whisper.native.native_decoder import NativeDecoder
from auricle.engines.whisper.native.native_encoder import NativeEncoder
from auricle.engines.whisper.self_check import self_check
from auricle.engines.whisper.stored_array import StoredArray, StoredPart
from auricle.engines.whisper.weights import WhisperWeights
from auricle.errors import EngineFailed
from auricle.processor import has_avx2, has_wide_int8_dot
from whisper import reference
from whisper.checkpoints import SHAPES

EXACT = GraphOptions.exact()
GRAPHS = replace(
    EXACT,
    int8_encoder=True,
    int8_decoder=True,
    int8_activations=True,
    int8_windows=True,
    window_limit=BYTE_LIMIT,
)
BYTES = replace(GRAPHS, native_encoder=Native.BYTES, native_decoder=Native.BYTES)
WORDS = replace(GRAPHS, native_encoder=Native.WORDS, native_decoder=Native.WORDS)
TILES = replace(BYTES, native_encoder=Native.TILES)
Weights = Callable[[str], WhisperWeights]
Kernels = Callable[[str, GraphOptions], Kernel]
Floats = NDArray[np.float32]

needs_words = pytest.mark.skipif(
    not (has_avx2() and library(Native.WORDS)), reason="this processor has no AVX2"
)
needs_bytes = pytest.mark.skipif(
    not (has_wide_int8_dot() and library(Native.BYTES)),
    reason="this processor has no AVX-512 with VNNI",
)
needs_tiles = pytest.mark.skipif(
    best_native_encoder() is not Native.TILES, reason="this processor has no tiles of bfloat16"
)
decoders = pytest.mark.parametrize(
    "options",
    [pytest.param(WORDS, marks=needs_words), pytest.param(BYTES, marks=needs_bytes)],
    ids=["words", "bytes"],
)
encoders = pytest.mark.parametrize(
    "options",
    [
        pytest.param(WORDS, marks=needs_words),
        pytest.param(BYTES, marks=needs_bytes),
        pytest.param(TILES, marks=needs_tiles),
    ],
    ids=["words", "bytes", "tiles"],
)


def log_mel(name: str, n_frames: int, seed: int = 0) -> Floats:
    random = np.random.default_rng(seed)
    return random.normal(size=(SHAPES[name].n_mels, n_frames)).astype(np.float32)


def last_logits(kernel: Kernel, mel: Floats, *given: list[int]) -> Floats:
    state = kernel.encode(mel)
    row = kernel.join(state)
    logits: list[Floats] = [kernel.step({row: tokens})[0].copy() for tokens in given]
    kernel.leave(row)
    kernel.release(state)
    return logits[-1]


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="it is for Linux on x86-64"
)
@pytest.mark.parametrize("native", Native)
def test_libraries_are_compiled_where_the_package_is_installed(native: Native) -> None:
    assert (native_library.FOLDER / f"{native}.so").exists()


def test_where_there_is_no_library_graphs_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_library, "library", lambda _: None)
    assert best_native.__wrapped__() is None
    monkeypatch.setattr(native_library, "best_native", lambda: None)
    assert best_native_encoder.__wrapped__() is None


@pytest.mark.parametrize("native", Native)
def test_library_that_is_damaged_is_none(
    native: Native, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / f"{native}.so").write_bytes(b"\x7fELF, cut off")
    monkeypatch.setattr(native_library, "FOLDER", tmp_path)
    assert library.__wrapped__(native) is None


def test_library_of_an_older_version_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    older = find_library("m")  # a library without the functions
    (tmp_path / "words.so").symlink_to(Path("/lib/x86_64-linux-gnu") / str(older))
    monkeypatch.setattr(native_library, "FOLDER", tmp_path)
    assert library.__wrapped__(Native.WORDS) is None


@pytest.mark.parametrize("n", [1, 15, 16, 17, 51_865])
def test_logarithm_of_the_sum_of_exponentials(n: int) -> None:
    random = np.random.default_rng(n)
    logits = (10 * random.normal(size=n + 20)).astype(np.float32)
    logits[random.random(n + 20) < 0.2] = -np.inf
    logits[0] = 3
    expected = np.log(np.exp(logits[:n].astype(np.float64)).sum())
    assert log_sum_exp(logits[:n]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("part", ["native_encoder", "native_decoder"])
def test_libraries_are_given_no_windows_but_of_bytes(part: str) -> None:
    with pytest.raises(ValueError, match="windows of bytes"):
        replace(EXACT, **{part: Native.WORDS})  # type: ignore[arg-type]


def test_tiles_are_not_asked_of_a_decoder() -> None:
    with pytest.raises(ValueError, match="tiles"):
        replace(GRAPHS, native_decoder=Native.TILES)


def test_where_the_system_keeps_no_tiles_the_encoder_is_as_the_decoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_tiles(native: Native) -> Any:
        return None if native is Native.TILES else library(native)

    monkeypatch.setattr(native_library, "library", without_tiles)
    assert best_native_encoder.__wrapped__() == best_native()


def test_several_threads_of_a_worker_leave_the_decoder_to_the_graph() -> None:
    assert not GraphOptions.fastest(n_threads=2).native_decoder


@encoders
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("n_positions", [1, 17, 64, 95, 96])
def test_logits_stay_near_the_reference(
    name: str,
    n_positions: int,
    options: GraphOptions,
    tiny_weights: Weights,
    tiny_kernel: Kernels,
) -> None:
    weights, kernel = tiny_weights(name), tiny_kernel(name, options)
    assert isinstance(kernel._encoder, NativeEncoder)
    assert isinstance(kernel._decoder, NativeDecoder)
    mel = log_mel(name, 2 * n_positions)
    tokens = [3, 17, 101, 5, 60, *range(20, 60)]  # beyond one page
    expected, _ = reference.decode(weights, reference.encode(weights, mel), tokens)
    given = last_logits(kernel, mel, tokens[:5], *([token] for token in tokens[5:]))
    # 8 bits a value, and random weights, which tell little apart: graphs of bytes are as far away.
    assert np.abs(given - expected[-1]).max() < 0.6 * expected[-1].std()
    assert np.corrcoef(given, expected[-1])[0, 1] > 0.98


def windows(kernel: Kernel, mel: Floats) -> Floats:
    """Keys and values of all layers, (2 * n_layers, d_model / 64, n, 64)."""
    state = kernel.encode(mel)
    scales = kernel.scales(state).reshape(-1, kernel.dims.d_model // 64, 1, 64)
    parts = [
        part.data
        for layer in range(kernel.dims.n_decoder_layers)
        for part in kernel.cross_attention(state, layer)
    ]
    given = np.array(parts, np.float32) * scales
    kernel.release(state)
    return given


@encoders
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("n_positions", [17, 33, 64, 95])
def test_windows_are_as_near_to_float32_as_their_arithmetic(
    name: str, n_positions: int, options: GraphOptions, tiny_kernel: Kernels
) -> None:
    mel = log_mel(name, 2 * n_positions)
    exact = windows(tiny_kernel(name, EXACT), mel)
    away = windows(tiny_kernel(name, options), mel) - exact
    limits = {Native.WORDS: 0.01, Native.TILES: 0.02, Native.BYTES: 0.08}
    limit = limits[options.native_encoder or Native.BYTES]
    assert np.sqrt((away**2).mean() / (exact**2).mean()) < limit


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(replace(WORDS, native_encoder=None), marks=needs_words),
        pytest.param(replace(WORDS, native_decoder=None), marks=needs_words),
        pytest.param(replace(BYTES, native_encoder=None), marks=needs_bytes),
        pytest.param(replace(BYTES, native_decoder=None), marks=needs_bytes),
        pytest.param(replace(TILES, native_decoder=None), marks=needs_tiles),
    ],
)
def test_each_part_goes_with_the_graph_of_the_other(
    options: GraphOptions, tiny_kernel: Kernels
) -> None:
    mel, tokens = log_mel("multilingual", 140), [3, 17, 101, 5, 60]
    kernel = tiny_kernel("multilingual", options)
    self_check(kernel)
    graphs = last_logits(tiny_kernel("multilingual", GRAPHS), mel, tokens)
    given = last_logits(kernel, mel, tokens)
    assert np.abs(given - graphs).max() < 0.4 * graphs.std()


@decoders
@pytest.mark.parametrize("n_windows", [1, 2, 5])
@pytest.mark.parametrize("n_texts", [1, 2, 5, 7])
def test_rows_are_the_same_in_company_and_alone_to_the_last_bit(
    n_windows: int, n_texts: int, options: GraphOptions, tiny_kernel: Kernels
) -> None:
    kernel = tiny_kernel("multilingual", options)
    states = [kernel.encode(log_mel("multilingual", 34 + 30 * n, n)) for n in range(n_windows)]
    pairs = [(state, i) for i in range(n_texts) for state in states][:12]
    rows = [kernel.join(state) for state, _ in pairs]
    given = [[3, 4], [5], [6], [7, 8, 9]]
    together = [kernel.step({row: [*t, row % 3] for row in rows}).copy() for t in given]
    for row in rows:
        kernel.leave(row)
    for n, (row, (state, _)) in enumerate(zip(rows, pairs, strict=True)):
        alone = kernel.join(state)
        for tokens, expected in zip(given, together, strict=True):
            lone = kernel.step({alone: [*tokens, row % 3]})
            np.testing.assert_array_equal(lone[0], expected[n])
        kernel.leave(alone)
    for state in states:
        kernel.release(state)


@decoders
def test_text_fed_at_once_is_the_text_fed_by_tokens_to_the_last_bit(
    options: GraphOptions, tiny_kernel: Kernels
) -> None:
    kernel = tiny_kernel("multilingual", options)
    mel, text = log_mel("multilingual", 100), list(range(1, 71))
    by_token = last_logits(kernel, mel, *([token] for token in text))
    np.testing.assert_array_equal(last_logits(kernel, mel, text), by_token)


@encoders
def test_more_threads_encode_the_same(options: GraphOptions, tiny_kernel: Kernels) -> None:
    mel = log_mel("multilingual", 192)
    given = [
        last_logits(
            tiny_kernel("multilingual", replace(options, n_encoder_threads=n)), mel, [1, 2, 3]
        )
        for n in (1, 2, 5, 100)
    ]
    for logits in given[1:]:
        np.testing.assert_array_equal(logits, given[0])


@encoders
@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
def test_input_that_is_no_number_fails_instead_of_giving_text(
    what: float, options: GraphOptions, tiny_kernel: Kernels
) -> None:
    kernel = tiny_kernel("multilingual", options)
    mel = log_mel("multilingual", 64)
    mel[3, 5] = what
    with pytest.raises(EngineFailed, match="no numbers"):
        kernel.encode(mel)
    assert kernel.free_places()[0] == 8


@encoders
@pytest.mark.parametrize("what", [np.nan, np.inf])
@pytest.mark.parametrize(
    "name",
    [
        *(f"encoder.1.{part}.weight" for part in ("self.qkv", "self.out", "ffn.up", "ffn.norm")),
        *(f"decoder.1.{part}.weight" for part in ("self.qkv", "cross.kv", "cross.out", "ffn.down")),
        *(f"encoder.1.{part}.bias" for part in ("self.qkv", "ffn.up", "ffn.down", "self.norm")),
        *(f"decoder.1.{part}.bias" for part in ("self.qkv", "cross.query", "ffn.up", "self.norm")),
        "decoder.norm.weight",
    ],
)
def test_weights_that_are_no_numbers_fail_in_the_first_step(
    name: str, what: float, options: GraphOptions, tiny_weights: Weights
) -> None:
    weights = tiny_weights("multilingual")
    broken = weights.array(name).copy()
    broken.reshape(-1)[3] = what
    arrays = dict(weights._arrays) | {name: StoredArray((StoredPart(broken),))}
    kernel = Kernel(WhisperWeights(arrays), options, KernelLimits(1, 2, 32))
    with pytest.raises(EngineFailed, match="no numbers"):
        last_logits(kernel, log_mel("multilingual", 64), [1, 2])


@decoders
def test_what_a_row_left_in_its_pages_is_not_seen_by_the_next(
    options: GraphOptions, tiny_kernel: Kernels
) -> None:
    kernel = tiny_kernel("multilingual", options)
    mel = log_mel("multilingual", 100)
    expected = last_logits(kernel, mel, [1, 2, 3])
    for cache in kernel._decoder.caches:
        cache[:] = np.nan
    np.testing.assert_array_equal(last_logits(kernel, mel, [1, 2, 3]), expected)
