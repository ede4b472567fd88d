"""CTranslate2's `model.bin`, versions 5 and 6, as neutral Whisper arrays.

The file is little-endian: version u32, spec name, revision u32, then the variables (name, rank
u8, dimensions u32, type u8, size u32, bytes) and, at the end, aliases. A string is its length
with the closing zero as u16, then the bytes.
"""

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.stored_array import StoredArray, StoredPart
from auricle.errors import WeightsError

VERSIONS = (5, 6)
_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}

_LINEARS = {
    "self.qkv": "self_attention/linear_0",
    "self.out": "self_attention/linear_1",
    "cross.query": "attention/linear_0",
    "cross.kv": "attention/linear_1",
    "cross.out": "attention/linear_2",
    "ffn.up": "ffn/linear_0",
    "ffn.down": "ffn/linear_1",
}
_NORMS = {
    "self.norm": "self_attention/layer_norm",
    "cross.norm": "attention/layer_norm",
    "ffn.norm": "ffn/layer_norm",
}

_Stored = dict[str, NDArray[Any]]


class _Cursor:
    """Reads the parts of the file in order."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack_from("<" + code, self._data, self._at)
        self._at += struct.calcsize("<" + code)
        return int(value)

    def text(self) -> str:
        length = self.number("H")
        self._at += length
        return self._data[self._at - length : self._at - 1].decode()

    def array(self) -> NDArray[Any]:
        shape = tuple(self.number("I") for _ in range(self.number("B")))
        dtype = np.dtype(_TYPES[self.number("B")])
        n_bytes = self.number("I")
        self._at += n_bytes
        flat = np.frombuffer(self._data, dtype, n_bytes // dtype.itemsize, self._at - n_bytes)
        return flat.reshape(shape)


def _stored(path: Path) -> _Stored:
    with path.open("rb") as file:
        cursor = _Cursor(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    version = cursor.number("I")
    if version not in VERSIONS:
        msg = f"{path} is a CTranslate2 model of version {version}; known: {VERSIONS}"
        raise WeightsError(msg)
    spec = cursor.text()
    if spec != "WhisperSpec":
        msg = f"{path} holds a {spec!r}, not Whisper"
        raise WeightsError(msg)
    cursor.number("I")
    stored: _Stored = {}
    for _ in range(cursor.number("I")):
        name = cursor.text()
        stored[name] = cursor.array()
    for _ in range(cursor.number("I")):
        alias = cursor.text()
        stored[alias] = stored[cursor.text()]
    return stored


def _array(stored: _Stored, name: str) -> StoredArray:
    """Matrices that were saved as int8 carry one scale a row."""
    return StoredArray((StoredPart(stored[name], stored.get(f"{name}_scale")),))


def _layers(stored: _Stored, side: str) -> int:
    n_layers = 0
    while f"{side}/layer_{n_layers}/ffn/layer_norm/gamma" in stored:
        n_layers += 1
    return n_layers


def _names(stored: _Stored) -> dict[str, str]:
    """Neutral name -> name in the file."""
    names = {"decoder.embedding": "decoder/embeddings/weight"}

    def norm(target: str, source: str) -> None:
        names[f"{target}.weight"] = f"{source}/gamma"
        names[f"{target}.bias"] = f"{source}/beta"

    for conv in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            names[f"encoder.{conv}.{kind}"] = f"encoder/{conv}/{kind}"
    for side in ("encoder", "decoder"):
        names[f"{side}.positions"] = f"{side}/position_encodings/encodings"
        norm(f"{side}.norm", f"{side}/layer_norm")
        for i in range(_layers(stored, side)):
            for target, source in _LINEARS.items():
                for kind in ("weight", "bias"):
                    names[f"{side}.{i}.{target}.{kind}"] = f"{side}/layer_{i}/{source}/{kind}"
            for target, source in _NORMS.items():
                norm(f"{side}.{i}.{target}", f"{side}/layer_{i}/{source}")
    return names


def read(path: Path) -> dict[str, StoredArray]:
    """The arrays of a CTranslate2 Whisper file, by neutral name.

    Raises:
        WeightsError: no Whisper of a known version, or the file breaks off.
    """
    try:
        stored = _stored(path)
    except (struct.error, ValueError, KeyError, UnicodeDecodeError, IndexError) as error:
        msg = f"{path} is damaged: fetch the model again"
        raise WeightsError(msg) from error
    return {
        target: _array(stored, source)
        for target, source in _names(stored).items()
        if source in stored
    }
