import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.graphs.encoder import n_stages
from auricle.engines.whisper.kernel import Kernel, KernelLimits
from auricle.engines.whisper.weights import WhisperWeights

LIMITS = KernelLimits(n_windows=1, n_rows=1, max_tokens=32)


@pytest.fixture
def weights(tiny_weights: Callable[[str], WhisperWeights]) -> WhisperWeights:
    return tiny_weights("multilingual")


def logits_of(
    weights: WhisperWeights, folder: Path | None
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    kernel = Kernel(weights, GraphOptions.fastest(), LIMITS, folder)
    mel = np.random.default_rng(2).normal(size=(80, 100)).astype(np.float32)
    return kernel.step({kernel.join(kernel.encode(mel)): [1, 2, 3]}).copy()


def test_graphs_from_disk_compute_the_same(weights: WhisperWeights, tmp_path: Path) -> None:
    expected = logits_of(weights, None)
    fresh = logits_of(weights, tmp_path / "new" / "folder")
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    assert {path.suffix for path in times} == {".xml", ".bin", ".sha256"}
    again = logits_of(weights, tmp_path / "new" / "folder")
    np.testing.assert_array_equal(fresh, expected)
    np.testing.assert_array_equal(again, expected)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}


@pytest.mark.skipif(sys.platform != "linux", reason="mapped files are asked of Linux")
def test_a_first_start_maps_its_graphs_as_later_ones_do(
    weights: WhisperWeights, tmp_path: Path
) -> None:
    kernel = Kernel(weights, GraphOptions.exact(), LIMITS, tmp_path)
    kernel.encode(np.zeros((80, 100), np.float32))
    mapped = Path("/proc/self/maps").read_text("utf-8")
    assert any(f"{path}" in mapped for path in tmp_path.glob("encoder*.bin"))


@pytest.mark.parametrize("suffix", [".xml", ".bin", ".sha256"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_damaged_file_is_written_anew(
    suffix: str, damage: str, weights: WhisperWeights, tmp_path: Path
) -> None:
    expected = logits_of(weights, tmp_path)
    whole = {path: path.read_bytes() for path in tmp_path.glob("*.*")}
    for path in tmp_path.glob(f"*{suffix}"):
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        path.unlink()
        if damage != "gone":
            path.write_bytes(raw if damage == "flipped" else raw[: len(raw) // 2])
    np.testing.assert_array_equal(logits_of(weights, tmp_path), expected)
    for path, raw_before in whole.items():
        if path.suffix == ".bin":
            assert path.read_bytes() == raw_before


def test_other_weights_have_other_files(
    tiny_weights: Callable[[str], WhisperWeights], tmp_path: Path
) -> None:
    for name in ("multilingual", "english"):
        Kernel(tiny_weights(name), GraphOptions.exact(), LIMITS, tmp_path)
    n_graphs = sum(n_stages(tiny_weights(name).dims) + 1 for name in ("multilingual", "english"))
    assert len(list(tmp_path.glob("*.xml"))) == n_graphs


def test_folder_that_cannot_be_written_costs_only_time(
    weights: WhisperWeights, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    np.testing.assert_array_equal(logits_of(weights, blocked / "graphs"), logits_of(weights, None))
