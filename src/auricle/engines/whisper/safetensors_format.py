"""Hugging Face safetensors files of Whisper as neutral arrays.

A file is a header length (u64, little-endian), a JSON header with type, shape and byte offsets
of each tensor, and the bytes.
"""

import json
import math
import mmap
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.stored_array import StoredArray, StoredPart
from auricle.errors import WeightsError

_TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}
_HEADER_LIMIT_BYTES = 100 << 20

_LINEARS = {
    "self.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self.out": ("self_attn.out_proj",),
    "cross.query": ("encoder_attn.q_proj",),
    "cross.kv": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "cross.out": ("encoder_attn.out_proj",),
    "ffn.up": ("fc1",),
    "ffn.down": ("fc2",),
}
_NORMS = {
    "self.norm": "self_attn_layer_norm",
    "cross.norm": "encoder_attn_layer_norm",
    "ffn.norm": "final_layer_norm",
}


_Tensors = dict[str, NDArray[Any]]


def _file(path: Path) -> _Tensors:
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (n_header,) = struct.unpack_from("<Q", data, 0)
    if n_header > min(_HEADER_LIMIT_BYTES, len(data)):
        msg = f"{path} is damaged: its header says {n_header} bytes"
        raise WeightsError(msg)
    header = json.loads(data[8 : 8 + n_header])
    tensors: _Tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        if entry["dtype"] not in _TYPES or 8 + n_header + end > len(data):
            msg = f"{path} is damaged or of an unknown type: {name} is {entry}"
            raise WeightsError(msg)
        shape = tuple(entry["shape"])
        flat = np.frombuffer(data, _TYPES[entry["dtype"]], math.prod(shape), 8 + n_header + begin)
        tensors[name.removeprefix("model.")] = flat.reshape(shape)
    return tensors


def _stacked(tensors: _Tensors, names: tuple[str, ...]) -> StoredArray:
    """Matrices or biases stacked by rows; a projection without a bias (keys) counts as zeros."""
    like = next(tensors[name] for name in names if name in tensors)
    return StoredArray(tuple(StoredPart(tensors.get(name, np.zeros_like(like))) for name in names))


def _layer(tensors: _Tensors, target: str, source: str) -> dict[str, StoredArray]:
    arrays: dict[str, StoredArray] = {}
    for name, parts in _LINEARS.items():
        for kind in ("weight", "bias"):
            stored = tuple(f"{source}.{part}.{kind}" for part in parts)
            if any(part in tensors for part in stored):
                arrays[f"{target}.{name}.{kind}"] = _stacked(tensors, stored)
    for name, part in _NORMS.items():
        for kind in ("weight", "bias"):
            if f"{source}.{part}.{kind}" in tensors:
                arrays[f"{target}.{name}.{kind}"] = _stacked(tensors, (f"{source}.{part}.{kind}",))
    return arrays


def _neutral(tensors: _Tensors) -> dict[str, StoredArray]:
    names = {"decoder.embedding": "decoder.embed_tokens.weight"}
    for side in ("encoder", "decoder"):
        names[f"{side}.positions"] = f"{side}.embed_positions.weight"
        for kind in ("weight", "bias"):
            names[f"{side}.norm.{kind}"] = f"{side}.layer_norm.{kind}"
            names[f"encoder.conv1.{kind}"] = f"encoder.conv1.{kind}"
            names[f"encoder.conv2.{kind}"] = f"encoder.conv2.{kind}"
    arrays = {target: _stacked(tensors, (source,)) for target, source in names.items()}
    for side in ("encoder", "decoder"):
        layer = 0
        while f"{side}.layers.{layer}.fc1.weight" in tensors:
            arrays |= _layer(tensors, f"{side}.{layer}", f"{side}.layers.{layer}")
            layer += 1
    return arrays


def read(paths: Sequence[Path]) -> dict[str, StoredArray]:
    """The arrays of a Whisper checkpoint, which may lie in several files, by neutral name.

    Raises:
        WeightsError: a file is damaged or this is no Whisper.
    """
    tensors: _Tensors = {}
    try:
        for path in paths:
            tensors |= _file(path)
        return _neutral(tensors)
    except (struct.error, ValueError, KeyError, TypeError, StopIteration) as error:
        msg = f"{paths[0].parent} holds no whole Whisper checkpoint: fetch the model again"
        raise WeightsError(msg) from error
