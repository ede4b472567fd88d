"""The weights of the model store as whisper.cpp reads them: one ggml file, q8_0.

The layout is that of whisper.cpp's own converter (`models/convert-h5-to-ggml.py`) and its
quantizer: matrices in blocks of 32 bytes with a float16 scale, convolutions float16, all else
float32.

    python bench/peers/ggml_weights.py WEIGHTS-FOLDER OUTPUT.bin
"""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from auricle.audio.log_mel import mel_filters
from auricle.engines.whisper.weights import WhisperDims, WhisperWeights, load_weights

Values = NDArray[np.float32]
Named = tuple[str, Values]

MAGIC = 0x67676D6C
MOSTLY_Q8_0 = 2007  # the kind of file, and 1000 times the version of its quantization
F32, F16, Q8_0 = 0, 1, 8
BLOCK = 32

_PARTS = {
    "self.out": "attn.out",
    "self.norm": "attn_ln",
    "cross.query": "cross_attn.query",
    "cross.out": "cross_attn.out",
    "cross.norm": "cross_attn_ln",
    "ffn.up": "mlp.0",
    "ffn.down": "mlp.2",
    "ffn.norm": "mlp_ln",
}
_STACKED = {
    "self.qkv": ("attn.query", "attn.key", "attn.value"),
    "cross.kv": ("cross_attn.key", "cross_attn.value"),
}


def write_ggml(folder: Path, target: Path) -> None:
    """Convert the checkpoint in `folder` (`model.bin` or safetensors, and `tokenizer.json`).

    Raises:
        WeightsError: no Whisper checkpoint is there.
    """
    weights = load_weights(folder)
    partial = target.with_suffix(".partial")
    with partial.open("wb") as file:
        _write_head(file, weights.dims)
        _write_vocabulary(file, folder / "tokenizer.json")
        for name, values in _tensors(weights):
            _write_tensor(file, name, values)
    partial.rename(target)


def _write_head(file: BinaryIO, dims: WhisperDims) -> None:
    of_encoder = (dims.n_audio, dims.d_model, dims.n_heads, dims.n_encoder_layers)
    of_decoder = (dims.n_text, dims.d_model, dims.n_heads, dims.n_decoder_layers)
    head = (MAGIC, dims.n_vocab, *of_encoder, *of_decoder, dims.n_mels, MOSTLY_Q8_0)
    file.write(struct.pack("<12i", *head))
    filters = mel_filters(dims.n_mels)
    file.write(struct.pack("<2i", *filters.shape))
    file.write(filters.astype("<f4").tobytes())


def _write_vocabulary(file: BinaryIO, tokenizer: Path) -> None:
    """The pieces in the order of their ids; whisper.cpp adds the special tokens itself."""
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    byte_of = _byte_of_letter()
    file.write(struct.pack("<i", len(vocabulary)))
    for piece in sorted(vocabulary, key=vocabulary.__getitem__):
        raw = piece.encode() if piece.startswith("<|") else bytes(byte_of[c] for c in piece)
        file.write(struct.pack("<i", len(raw)) + raw)


def _byte_of_letter() -> dict[str, int]:
    """GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes follow at 256."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(256 + n): byte for n, byte in enumerate(others)}


def _tensors(weights: WhisperWeights) -> Iterator[Named]:
    """All tensors under whisper.cpp's names."""
    for conv in ("conv1", "conv2"):
        yield f"encoder.{conv}.weight", weights.array(f"encoder.{conv}.weight")
        yield f"encoder.{conv}.bias", weights.array(f"encoder.{conv}.bias")[:, None]
    yield "decoder.token_embedding.weight", weights.array("decoder.embedding")
    for side, norm in (("encoder", "ln_post"), ("decoder", "ln")):
        yield f"{side}.positional_embedding", weights.array(f"{side}.positions")
        for kind in ("weight", "bias"):
            yield f"{side}.{norm}.{kind}", weights.array(f"{side}.norm.{kind}")
    for side, n_layers in (
        ("encoder", weights.dims.n_encoder_layers),
        ("decoder", weights.dims.n_decoder_layers),
    ):
        for i in range(n_layers):
            yield from _layer(weights, f"{side}.{i}", f"{side}.blocks.{i}")


def _layer(weights: WhisperWeights, source: str, target: str) -> Iterator[Named]:
    for part, name in _PARTS.items():
        if f"{source}.{part}.weight" in weights:
            for kind in ("weight", "bias"):
                yield f"{target}.{name}.{kind}", weights.array(f"{source}.{part}.{kind}")
    for part, names in _STACKED.items():
        if f"{source}.{part}.weight" in weights:
            for kind in ("weight", "bias"):
                values = np.split(weights.array(f"{source}.{part}.{kind}"), len(names))
                for name, share in zip(names, values, strict=True):
                    if kind == "weight" or not name.endswith("key"):  # keys have no bias
                        yield f"{target}.{name}.{kind}", share


def _write_tensor(file: BinaryIO, name: str, values: Values) -> None:
    if values.ndim == 3:
        kind, raw = F16, values.astype("<f2").tobytes()
    elif values.ndim == 2 and name.endswith(".weight"):
        kind, raw = Q8_0, quantize(values)
    else:
        kind, raw = F32, values.astype("<f4").tobytes()
    file.write(struct.pack("<3i", values.ndim, len(name), kind))
    file.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)))
    file.write(name.encode() + raw)


def quantize(values: Values) -> bytes:
    """Blocks of 32 along the rows: a float16 scale and 32 signed bytes.

    Args:
        values: shape (n, m), m a multiple of 32.
    """
    blocks = values.reshape(-1, BLOCK)
    scales = np.abs(blocks).max(axis=1, keepdims=True) / 127
    rounded = np.round(blocks / np.where(scales == 0, 1, scales))
    packed = np.empty(len(blocks), np.dtype([("scale", "<f2"), ("values", "i1", BLOCK)]))
    packed["scale"] = scales[:, 0]
    packed["values"] = rounded
    return packed.tobytes()


if __name__ == "__main__":
    write_ggml(Path(sys.argv[1]), Path(sys.argv[2]))
