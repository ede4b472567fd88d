import json
import struct
from pathlib import Path

import numpy as np
import pytest

from auricle.engines.whisper.weights import load_weights
from auricle.errors import WeightsError
from whisper.checkpoints import SHAPES, neutral_arrays, write_ctranslate2, write_safetensors


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("version", [5, 6])
def test_ctranslate2_file_gives_every_array_and_the_sizes(
    name: str, version: int, tmp_path: Path
) -> None:
    shape = SHAPES[name]
    arrays = neutral_arrays(shape)
    weights = load_weights(write_ctranslate2(tmp_path, arrays, version=version))
    for key, array in arrays.items():
        np.testing.assert_array_equal(weights.array(key), array)
    assert vars(shape) == {
        field: getattr(weights.dims, field) for field in weights.dims.__dataclass_fields__
    }


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kind", ["F16", "F32", "BF16"])
@pytest.mark.parametrize("n_files", [1, 2])
def test_safetensors_give_the_same_arrays_as_ctranslate2(
    name: str, kind: str, n_files: int, tmp_path: Path
) -> None:
    arrays = neutral_arrays(SHAPES[name])
    weights = load_weights(write_safetensors(tmp_path, arrays, kind=kind, n_files=n_files))
    # bfloat16 keeps 8 bits of the fraction, and the writer cuts the rest off
    tolerance = 2**-7 if kind == "BF16" else 0
    for key, array in arrays.items():
        np.testing.assert_allclose(weights.array(key), array, rtol=tolerance, atol=0)


def test_matrices_saved_as_int8_are_scaled_back(tmp_path: Path) -> None:
    arrays = neutral_arrays(SHAPES["multilingual"])
    weights = load_weights(write_ctranslate2(tmp_path, arrays, int8=True))
    original = arrays["decoder.0.ffn.up.weight"]
    step = np.abs(original).max(axis=1, keepdims=True) / 127
    assert (np.abs(weights.array("decoder.0.ffn.up.weight") - original) <= step * 0.51).all()


def test_folder_without_a_checkpoint_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no model\.bin"):
        load_weights(tmp_path)


@pytest.mark.parametrize("keep", [3, 40, 5_000, 200_000])
def test_ctranslate2_file_that_breaks_off_is_damaged(keep: int, tmp_path: Path) -> None:
    path = write_ctranslate2(tmp_path, neutral_arrays(SHAPES["english"])) / "model.bin"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError):
        load_weights(tmp_path)


@pytest.mark.parametrize("keep", [3, 12, 5_000, 200_000])
def test_safetensors_file_that_breaks_off_is_damaged(keep: int, tmp_path: Path) -> None:
    write_safetensors(tmp_path, neutral_arrays(SHAPES["english"]))
    path = next(tmp_path.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError):
        load_weights(tmp_path)


def test_unknown_version_is_refused(tmp_path: Path) -> None:
    write_ctranslate2(tmp_path, neutral_arrays(SHAPES["english"]), version=9)
    with pytest.raises(WeightsError, match="version 9"):
        load_weights(tmp_path)


def test_safetensors_of_another_model_are_refused(tmp_path: Path) -> None:
    header = json.dumps({"bert.embed": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    raw = header.encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(4))
    with pytest.raises(WeightsError, match="no whole Whisper"):
        load_weights(tmp_path)
