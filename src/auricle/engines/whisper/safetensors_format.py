"""Hugging Face safetensors files of Whisper as neutral arrays.

A file is a header length (u64, little-endian), a JSON header with type, shape and byte offsets
of each tensor, and the bytes.
"""

import json
import mmap
import struct
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.weights import ArrayReader
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


def _tensor(
    data: mmap.mmap, kind: str, shape: tuple[int, ...], offset: int
) -> NDArray[np.float32]:
    count = int(np.prod(shape))
    raw = np.frombuffer(data, _TYPES[kind], count, offset).reshape(shape)
    if kind == "BF16":
        return (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return raw.astype(np.float32)


def _file(path: Path) -> dict[str, ArrayReader]:
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (n_header,) = struct.unpack_from("<Q", data, 0)
    if n_header > min(_HEADER_LIMIT_BYTES, len(data)):
        msg = f"{path} is damaged: its header says {n_header} bytes"
        raise WeightsError(msg)
    header = json.loads(data[8 : 8 + n_header])
    readers: dict[str, ArrayReader] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        if entry["dtype"] not in _TYPES or 8 + n_header + end > len(data):
            msg = f"{path} is damaged or of an unknown type: {name} is {entry}"
            raise WeightsError(msg)
        readers[name.removeprefix("model.")] = partial(
            _tensor, data, entry["dtype"], tuple(entry["shape"]), 8 + n_header + begin
        )
    return readers


def _joined(tensors: dict[str, ArrayReader], names: tuple[str, ...]) -> NDArray[np.float32]:
    """Matrices or biases stacked by rows; a projection without a bias (keys) counts as zeros."""
    if len(names) == 1:
        return tensors[names[0]]()
    parts = [tensors[name]() if name in tensors else None for name in names]
    like = next(part for part in parts if part is not None)
    return np.concatenate([np.zeros_like(like) if part is None else part for part in parts])


def _layer(tensors: dict[str, ArrayReader], target: str, source: str) -> dict[str, ArrayReader]:
    readers: dict[str, ArrayReader] = {}
    for name, parts in _LINEARS.items():
        for kind in ("weight", "bias"):
            stored = tuple(f"{source}.{part}.{kind}" for part in parts)
            if any(part in tensors for part in stored):
                readers[f"{target}.{name}.{kind}"] = partial(_joined, tensors, stored)
    for name, part in _NORMS.items():
        for kind in ("weight", "bias"):
            if f"{source}.{part}.{kind}" in tensors:
                readers[f"{target}.{name}.{kind}"] = tensors[f"{source}.{part}.{kind}"]
    return readers


def _neutral(tensors: dict[str, ArrayReader]) -> dict[str, ArrayReader]:
    readers = {"decoder.embedding": tensors["decoder.embed_tokens.weight"]}
    for conv in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            readers[f"encoder.{conv}.{kind}"] = tensors[f"encoder.{conv}.{kind}"]
    for side in ("encoder", "decoder"):
        readers[f"{side}.positions"] = tensors[f"{side}.embed_positions.weight"]
        for kind in ("weight", "bias"):
            readers[f"{side}.norm.{kind}"] = tensors[f"{side}.layer_norm.{kind}"]
        layer = 0
        while f"{side}.layers.{layer}.fc1.weight" in tensors:
            readers |= _layer(tensors, f"{side}.{layer}", f"{side}.layers.{layer}")
            layer += 1
    return readers


def read(paths: Sequence[Path]) -> dict[str, ArrayReader]:
    """The arrays of a Whisper checkpoint, which may lie in several files, by neutral name.

    Raises:
        WeightsError: a file is damaged or this is no Whisper.
    """
    tensors: dict[str, ArrayReader] = {}
    try:
        for path in paths:
            tensors |= _file(path)
        return _neutral(tensors)
    except (struct.error, ValueError, KeyError, TypeError) as error:
        msg = f"{paths[0].parent} holds no whole Whisper checkpoint: fetch the model again"
        raise WeightsError(msg) from error
