"""The graphs against a reference in NumPy, and rows against themselves alone."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from auricle.engines.whisper.graphs.compiling import SAFE_BYTE_LIMIT, CacheType, GraphOptions
from auricle.engines.whisper.graphs.graph_decoder import GraphDecoder
from auricle.engines.whisper.kernel import Kernel, KernelLimits
from auricle.engines.whisper.stored_array import StoredArray, StoredPart
from auricle.engines.whisper.weights import WhisperWeights
from auricle.engines.whisper.window_places import CrossState
from auricle.errors import EngineFailed
from whisper import reference
from whisper.checkpoints import SHAPES, neutral_arrays, write_ctranslate2

EXACT = GraphOptions.exact()
BYTES = replace(EXACT, int8_windows=True)
Weights = Callable[[str], WhisperWeights]
Kernels = Callable[[str, GraphOptions], Kernel]


def log_mel(
    name: str, n_frames: int, seed: int = 0
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    random = np.random.default_rng(seed)
    return random.normal(size=(SHAPES[name].n_mels, n_frames)).astype(np.float32)


@pytest.fixture(params=[EXACT, BYTES], ids=["float32", "int8 windows"])
def kernel(request: pytest.FixtureRequest, tiny_kernel: Kernels) -> Iterator[Kernel]:
    """In float32; every test gives back what it took."""
    kernel = tiny_kernel("multilingual", request.param)
    free = kernel.free_places()
    yield kernel
    assert kernel.free_places() == free


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("n_positions", [17, 64, 95, 96])
def test_logits_are_those_of_the_reference(
    name: str, n_positions: int, tiny_weights: Weights, tiny_kernel: Kernels
) -> None:
    weights, kernel = tiny_weights(name), tiny_kernel(name, EXACT)
    mel = log_mel(name, 2 * n_positions)
    tokens = [3, 17, 101, 5, 60, *range(20, 60)]  # beyond one page
    expected, _ = reference.decode(weights, reference.encode(weights, mel), tokens)
    state = kernel.encode(mel)
    row = kernel.join(state)
    given = [kernel.step({row: tokens[:5]})[0].copy()]
    given += [kernel.step({row: [token]})[0].copy() for token in tokens[5:]]
    kernel.leave(row)
    kernel.release(state)
    # Sums in another order: float32 keeps 7 digits, logits reach about 60.
    np.testing.assert_allclose(given, expected[4:], atol=2e-3)


@pytest.mark.parametrize(
    "options",
    [
        replace(EXACT, cache_type=CacheType.U8),
        replace(EXACT, int8_decoder=True),
        replace(EXACT, int8_encoder=True, int8_decoder=True, cache_type=CacheType.U8),
        BYTES,
        GraphOptions.fastest(),
    ],
    ids=["u8 caches", "int8 decoder", "int8 and u8", "int8 windows", "fastest"],
)
def test_quantized_logits_stay_near_the_reference(
    options: GraphOptions, tiny_weights: Weights, tiny_kernel: Kernels
) -> None:
    weights, kernel = tiny_weights("multilingual"), tiny_kernel("multilingual", options)
    mel, tokens = log_mel("multilingual", 140), [3, 17, 101, 5, 60]
    expected, _ = reference.decode(weights, reference.encode(weights, mel), tokens)
    state = kernel.encode(mel)
    row = kernel.join(state)
    logits = kernel.step({row: tokens})[0].copy()
    kernel.leave(row)
    kernel.release(state)
    # 8 bits a value: the error is some hundredths of the logits' spread, never of its order.
    assert np.abs(logits - expected[-1]).max() < 0.25 * expected[-1].std()
    assert np.corrcoef(logits, expected[-1])[0, 1] > 0.995


def test_more_threads_encode_the_same(tiny_kernel: Kernels) -> None:
    encoded: list[list[np.ndarray[tuple[int, ...], np.dtype[np.int8]]]] = []
    for n_threads in (1, 4):
        options = replace(GraphOptions.fastest(), n_encoder_threads=n_threads)
        assert options.decoder_properties()["INFERENCE_NUM_THREADS"] == 1
        kernel = tiny_kernel("multilingual", options)
        state = kernel.encode(log_mel("multilingual", 150))
        parts = [part for layer in range(2) for part in kernel.cross_attention(state, layer)]
        encoded.append([np.array(part.data) for part in parts])
        kernel.release(state)
    np.testing.assert_array_equal(encoded[0], encoded[1])


def test_stages_of_several_windows_may_alternate(tiny_kernel: Kernels) -> None:
    kernel = tiny_kernel("english", EXACT)

    def logits_over(state: CrossState) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        row = kernel.join(state)
        logits = kernel.step({row: [1, 2, 3]}).copy()
        kernel.leave(row)
        kernel.release(state)
        return logits

    mels = [log_mel("english", 2 * n, seed=n) for n in (90, 30, 60)]
    alone = [logits_over(kernel.encode(mel)) for mel in mels]
    encodings = [kernel.begin(mel) for mel in mels]
    states: list[CrossState | None] = [None] * len(mels)
    n_stages = 0
    while None in states:
        n_stages += 1
        for i, encoding in enumerate(encodings):
            if states[i] is None:
                states[i] = kernel.advance(encoding)
    assert n_stages == 3
    for state, expected in zip(states, alone, strict=True):
        assert state is not None
        np.testing.assert_array_equal(logits_over(state), expected)


def test_prompt_fed_at_once_is_the_prompt_fed_by_tokens(kernel: Kernel) -> None:
    state = kernel.encode(log_mel("multilingual", 100))
    rows = kernel.join(state), kernel.join(state)
    prompt = list(range(1, 41))
    whole = kernel.step({rows[0]: prompt}).copy()
    by_token = [kernel.step({rows[1]: [token]}).copy() for token in prompt]
    np.testing.assert_allclose(by_token[-1], whole, atol=2e-3)
    for row in rows:
        kernel.leave(row)
    kernel.release(state)


def test_rows_that_are_not_fed_stay_as_they_are(kernel: Kernel) -> None:
    state = kernel.encode(log_mel("multilingual", 100))
    first, second = kernel.join(state), kernel.join(state)
    kernel.step({first: [1, 2], second: [3]})
    kernel.step({second: [4]})
    with_pause = kernel.step({first: [5]}).copy()
    alone = kernel.join(state)
    np.testing.assert_allclose(with_pause, kernel.step({alone: [1, 2, 5]}), atol=2e-3)
    for row in (first, second, alone):
        kernel.leave(row)
    kernel.release(state)


@pytest.mark.parametrize("n_before", [5, 32, 40])
def test_forked_row_continues_as_its_source_and_then_apart(kernel: Kernel, n_before: int) -> None:
    state = kernel.encode(log_mel("multilingual", 100))
    row = kernel.join(state)
    prompt = list(range(n_before))
    kernel.step({row: prompt})
    copy = kernel.fork(row)
    logits = kernel.step({row: [7], copy: [9]}).copy()
    after = kernel.step({row: [8], copy: [10]}).copy()
    for tail, both in ((7, 8), logits[0]), ((9, 10), logits[1]):
        alone = kernel.join(state)
        np.testing.assert_allclose(kernel.step({alone: [*prompt, tail[0]]})[0], both, atol=2e-3)
        kernel.leave(alone)
    alone = kernel.join(state)
    np.testing.assert_allclose(kernel.step({alone: [*prompt, 9, 10]})[0], after[1], atol=2e-3)
    for each in (row, copy, alone):
        kernel.leave(each)
    kernel.release(state)


def test_window_lives_as_long_as_a_row_uses_it(kernel: Kernel) -> None:
    state = kernel.encode(log_mel("multilingual", 100))
    row = kernel.join(state)
    kernel.release(state)
    other = kernel.encode(log_mel("multilingual", 100, seed=1))
    logits = kernel.step({row: [1]}).copy()
    again = kernel.encode(log_mel("multilingual", 100))
    alone = kernel.join(again)
    np.testing.assert_allclose(kernel.step({alone: [1]}), logits, atol=2e-3)
    for each in (row, alone):
        kernel.leave(each)
    kernel.release(other)
    kernel.release(again)


@pytest.mark.parametrize(("first", "n_positions"), [(0, 50), (0, 17), (20, 30)])
def test_part_of_a_window_is_its_keys_and_values_there(
    first: int, n_positions: int, kernel: Kernel
) -> None:
    state = kernel.encode(log_mel("multilingual", 100))
    part = kernel.part(state, first, n_positions)
    for layer in range(kernel.dims.n_decoder_layers):
        for whole, own in zip(
            kernel.cross_attention(state, layer), kernel.cross_attention(part, layer), strict=True
        ):
            np.testing.assert_array_equal(whole.data[:, first : first + n_positions], own.data)
    kernel.release(part)
    kernel.release(state)


@pytest.mark.parametrize("n_windows", [1, 2, 5])
def test_what_a_token_takes_from_a_window_of_bytes_does_not_depend_on_who_else_looks(
    n_windows: int, tiny_kernel: Kernels
) -> None:
    """To the last bit: that bit decides where an int8 input is rounded to."""
    options = replace(GraphOptions.fastest(), int8_windows=True)
    kernel = tiny_kernel("multilingual", options)
    states = [kernel.encode(log_mel("multilingual", 100 + 6 * n, seed=n)) for n in range(n_windows)]
    rows = [kernel.join(state) for state in states for _ in range(3)]
    given = ([3, 4], [5], [6])
    together = [
        kernel.step({row: [*t[:-1], t[-1] + row % 3] for row in rows}).copy() for t in given
    ]
    for n, row in enumerate(rows):
        alone = kernel.join(states[n // 3])
        for tokens, expected in zip(given, together, strict=True):
            lone = kernel.step({alone: [*tokens[:-1], tokens[-1] + row % 3]})
            np.testing.assert_array_equal(lone, expected[n : n + 1])
        kernel.leave(alone)
        kernel.leave(row)
    for state in states:
        kernel.release(state)


def test_the_greatest_bytes_of_a_window_do_not_overflow(tiny_weights: Weights) -> None:
    """Where bytes are added up in 16 bits, all of them at their limit are the most there can be.

    The compiled decoder, whose weights are bytes too, is compared with itself at the lower limit.
    """
    weights = tiny_weights("multilingual")
    arrays = dict(weights._arrays)
    for layer in range(weights.dims.n_decoder_layers):
        for part, value in (("weight", 0), ("bias", 1)):
            name = f"decoder.{layer}.cross.kv.{part}"
            constant = np.full_like(weights.array(name), value)
            arrays[name] = StoredArray((StoredPart(constant),))
    graphs, fastest = GraphOptions.fastest(n_threads=2), GraphOptions.fastest()
    compiled = replace(fastest, window_limit=SAFE_BYTE_LIMIT)
    logits = []
    for options in (EXACT, replace(BYTES, window_limit=graphs.window_limit), compiled, fastest):
        kernel = Kernel(WhisperWeights(arrays), options, KernelLimits(1, 1, 32))
        state = kernel.encode(log_mel("multilingual", 192))
        logits.append(kernel.step({kernel.join(state): [1]}).copy())
    np.testing.assert_allclose(logits[1], logits[0], atol=1e-3)
    np.testing.assert_allclose(logits[3], logits[2], atol=1e-3)


def test_the_whole_window_as_a_part_gives_the_same_logits(kernel: Kernel) -> None:
    state = kernel.encode(log_mel("multilingual", 100))
    part = kernel.part(state, 0, 50)
    rows = kernel.join(state), kernel.join(part)
    whole, own = kernel.step({row: [1] for row in rows}).copy()
    np.testing.assert_allclose(whole, own, atol=2e-3)
    for row in rows:
        kernel.leave(row)
    kernel.release(part)
    kernel.release(state)


def test_too_many_windows_fail_clearly_and_leave_the_others_alone(kernel: Kernel) -> None:
    states = [kernel.encode(log_mel("multilingual", 192)) for _ in range(8)]
    with pytest.raises(EngineFailed, match="a place for a window"):
        kernel.encode(log_mel("multilingual", 192))
    for state in states:
        kernel.release(state)


def test_input_that_is_no_number_fails_instead_of_giving_text(kernel: Kernel) -> None:
    mel = log_mel("multilingual", 64)
    mel[3, 5] = np.nan
    with pytest.raises(EngineFailed, match="no numbers"):
        kernel.encode(mel)


def test_weights_that_are_no_numbers_fail_in_the_first_step(tiny_weights: Weights) -> None:
    weights = tiny_weights("multilingual")
    broken = weights.array("decoder.1.ffn.down.bias")
    broken[3] = np.inf
    arrays = dict(weights._arrays) | {"decoder.1.ffn.down.bias": StoredArray((StoredPart(broken),))}
    kernel = Kernel(WhisperWeights(arrays), EXACT, KernelLimits(1, 1, 32))
    state = kernel.encode(log_mel("multilingual", 64))
    with pytest.raises(EngineFailed, match="no numbers"):
        kernel.step({kernel.join(state): [1]})


def test_fault_inside_the_runtime_is_raised_not_lost(kernel: Kernel) -> None:
    """`InferRequest.infer` returns the outputs of the run before instead."""
    state = kernel.encode(log_mel("multilingual", 64))
    row = kernel.join(state)
    kernel.step({row: [1]})
    decoder = kernel._decoder
    assert isinstance(decoder, GraphDecoder)
    decoder._graph.set("self_begins", np.array([0, 1, 2, 3], np.int32))
    with pytest.raises(EngineFailed, match="whisper_decoder"):
        decoder._graph.run()
    kernel.leave(row)
    kernel.release(state)


@pytest.mark.parametrize("options", [EXACT, GraphOptions.fastest()], ids=["exact", "fastest"])
@pytest.mark.parametrize("n_rows", [2, 3, 8])
def test_company_does_not_change_the_tokens(
    options: GraphOptions, n_rows: int, tiny_kernel: Kernels
) -> None:
    kernel = tiny_kernel("multilingual", options)
    state = kernel.encode(log_mel("multilingual", 150))

    def greedy(n_rows: int) -> list[int]:
        rows = [kernel.join(state) for _ in range(n_rows)]
        logits = kernel.step({row: [1, 2, 3] for row in rows})
        tokens = []
        for _ in range(40):
            tokens.append(int(logits[0].argmax()))
            logits = kernel.step({row: [tokens[-1] if row == rows[0] else 5] for row in rows})
        for row in rows:
            kernel.leave(row)
        return tokens

    assert greedy(n_rows) == greedy(1)
    kernel.release(state)


ISA_CHECK = """
import sys
from pathlib import Path
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.graphs.graph_decoder import GraphDecoder
from auricle.engines.whisper.kernel import Kernel, KernelLimits
from auricle.engines.whisper.self_check import self_check
from auricle.engines.whisper.weights import load_weights
options = GraphOptions.fastest()
kernel = Kernel(load_weights(Path(sys.argv[1])), options, KernelLimits(2, 4, 64))
self_check(kernel)
"""


@pytest.mark.parametrize("isa", ["AVX2", "AVX512_CORE", "AVX512_CORE_VNNI", "ALL"])
@pytest.mark.parametrize("is_real", [False, True], ids=["tiny", "base"])
def test_fastest_options_pass_the_self_check_on_lesser_processors(
    isa: str, is_real: bool, tmp_path: Path, whisper_base: Path
) -> None:
    """A cap above what this processor has changes nothing."""
    folder = whisper_base
    if not is_real:
        folder = write_ctranslate2(tmp_path, neutral_arrays(SHAPES["multilingual"]))
    done = subprocess.run(
        [sys.executable, "-c", ISA_CHECK, str(folder)],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": isa},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
