"""Writers of tiny checkpoints: the shapes of every Whisper, sizes that tests can afford."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Shape:
    n_mels: int = 80
    d_model: int = 128
    n_encoder_layers: int = 2
    n_decoder_layers: int = 2
    n_vocab: int = 211
    n_audio: int = 96
    n_text: int = 80


SHAPES = {
    "multilingual": Shape(),
    "english": Shape(n_encoder_layers=7, n_vocab=210),
    "large-v3": Shape(n_mels=128, d_model=192, n_encoder_layers=3, n_decoder_layers=3, n_vocab=212),
    "turbo": Shape(n_mels=128, n_encoder_layers=4, n_decoder_layers=1, n_vocab=212),
}


def neutral_arrays(shape: Shape, seed: int = 0, sharpness: float = 1.0) -> Arrays:
    """Random arrays by neutral name, scaled so that attention and logits have a clear shape.

    `sharpness` scales the logits: 1 makes the model sure of every token.
    """
    random = np.random.default_rng(seed)
    d = shape.d_model
    arrays: Arrays = {}

    def matrix(name: str, *size: int, gain: float = 1.0) -> None:
        fan_in = int(np.prod(size[1:]))
        arrays[f"{name}.weight"] = (random.normal(size=size) * gain / fan_in**0.5).astype(
            np.float32
        )
        arrays[f"{name}.bias"] = (random.normal(size=size[0]) * 0.05).astype(np.float32)

    def norm(name: str) -> None:
        arrays[f"{name}.weight"] = random.uniform(0.7, 1.3, d).astype(np.float32)
        arrays[f"{name}.bias"] = (random.normal(size=d) * 0.1).astype(np.float32)

    matrix("encoder.conv1", d, shape.n_mels, 3)
    matrix("encoder.conv2", d, d, 3)
    arrays["encoder.positions"] = random.normal(size=(shape.n_audio, d)).astype(np.float32)
    arrays["decoder.positions"] = random.normal(size=(shape.n_text, d)).astype(np.float32) * 0.3
    arrays["decoder.embedding"] = sharpness * random.normal(size=(shape.n_vocab, d)).astype(
        np.float32
    )
    for side, n_layers in (
        ("encoder", shape.n_encoder_layers),
        ("decoder", shape.n_decoder_layers),
    ):
        norm(f"{side}.norm")
        for i in range(n_layers):
            layer = f"{side}.{i}"
            matrix(f"{layer}.self.qkv", 3 * d, d, gain=1.5)
            arrays[f"{layer}.self.qkv.bias"][d : 2 * d] = 0  # Whisper's keys have no bias
            matrix(f"{layer}.self.out", d, d)
            norm(f"{layer}.self.norm")
            if side == "decoder":
                matrix(f"{layer}.cross.query", d, d, gain=2)
                matrix(f"{layer}.cross.kv", 2 * d, d, gain=2)
                arrays[f"{layer}.cross.kv.bias"][:d] = 0
                matrix(f"{layer}.cross.out", d, d)
                norm(f"{layer}.cross.norm")
            matrix(f"{layer}.ffn.up", 4 * d, d)
            matrix(f"{layer}.ffn.down", d, 4 * d)
            norm(f"{layer}.ffn.norm")
    return {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()}


_CT2 = {
    "self.qkv": "self_attention/linear_0",
    "self.out": "self_attention/linear_1",
    "self.norm": "self_attention/layer_norm",
    "cross.query": "attention/linear_0",
    "cross.kv": "attention/linear_1",
    "cross.out": "attention/linear_2",
    "cross.norm": "attention/layer_norm",
    "ffn.up": "ffn/linear_0",
    "ffn.down": "ffn/linear_1",
    "ffn.norm": "ffn/layer_norm",
}


def _ct2_name(name: str) -> str:
    if name == "decoder.embedding":
        return "decoder/embeddings/weight"
    side, rest = name.split(".", 1)
    if rest == "positions":
        return f"{side}/position_encodings/encodings"
    if rest.startswith("conv"):
        return f"{side}/{rest.replace('.', '/')}"
    middle, kind = rest.rsplit(".", 1)
    if middle == "norm":
        path, is_norm = "layer_norm", True
    else:
        layer, part = middle.split(".", 1)
        path, is_norm = f"layer_{layer}/{_CT2[part]}", part.endswith("norm")
    return f"{side}/{path}/{ {'weight': 'gamma', 'bias': 'beta'}[kind] if is_norm else kind }"


def write_ctranslate2(
    folder: Path, arrays: Arrays, *, version: int = 6, int8: bool = False
) -> Path:
    """A `model.bin` as CTranslate2's converter writes it, the projection as an alias."""
    stored: dict[str, NDArray[np.generic]] = {}
    for name, array in arrays.items():
        path = _ct2_name(name)
        if int8 and array.ndim == 2 and path.endswith("weight"):
            scale = 127 / np.abs(array).max(axis=1)
            stored[path] = np.round(array * scale[:, None]).astype(np.int8)
            stored[f"{path}_scale"] = scale.astype(np.float32)
        else:
            stored[path] = array.astype(np.float16)

    def text(value: str) -> bytes:
        raw = value.encode() + b"\0"
        return struct.pack("<H", len(raw)) + raw

    kinds = {np.dtype(np.float32): 0, np.dtype(np.int8): 1, np.dtype(np.float16): 4}
    parts = [struct.pack("<I", version), text("WhisperSpec"), struct.pack("<II", 3, len(stored))]
    for path, values in stored.items():
        parts += [text(path), struct.pack("<B", values.ndim)]
        parts.append(struct.pack(f"<{values.ndim}I", *values.shape))
        parts += [struct.pack("<BI", kinds[values.dtype], values.nbytes), values.tobytes()]
    parts.append(struct.pack("<I", 1))
    parts += [text("decoder/projection/weight"), text("decoder/embeddings/weight")]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(b"".join(parts))
    return folder


_HF = {
    "self.out": "self_attn.out_proj",
    "self.norm": "self_attn_layer_norm",
    "cross.query": "encoder_attn.q_proj",
    "cross.out": "encoder_attn.out_proj",
    "cross.norm": "encoder_attn_layer_norm",
    "ffn.up": "fc1",
    "ffn.down": "fc2",
    "ffn.norm": "final_layer_norm",
}
_FUSED = {"self.qkv": ("self_attn", "qkv"), "cross.kv": ("encoder_attn", "kv")}


def _hf_arrays(arrays: Arrays) -> Arrays:
    result: Arrays = {}
    for name, array in arrays.items():
        if name == "decoder.embedding":
            result["model.decoder.embed_tokens.weight"] = array
            continue
        side, rest = name.split(".", 1)
        if rest == "positions":
            result[f"model.{side}.embed_positions.weight"] = array
        elif rest.startswith("conv"):
            result[f"model.{side}.{rest}"] = array
        elif rest.startswith("norm"):
            result[f"model.{side}.layer_norm.{rest.split('.')[1]}"] = array
        else:
            layer, part = rest.rsplit(".", 1)[0].split(".", 1)
            kind = rest.rsplit(".", 1)[1]
            base = f"model.{side}.layers.{layer}"
            if part in _HF:
                result[f"{base}.{_HF[part]}.{kind}"] = array
                continue
            block, letters = _FUSED[part]
            for letter, piece in zip(letters, np.split(array, len(letters)), strict=True):
                if letter != "k" or kind == "weight":
                    result[f"{base}.{block}.{letter}_proj.{kind}"] = piece
    return result


def write_safetensors(folder: Path, arrays: Arrays, *, kind: str = "F16", n_files: int = 1) -> Path:
    """Hugging Face's form, in one or several files."""
    tensors = list(_hf_arrays(arrays).items())
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(n_files):
        header: dict[str, object] = {"__metadata__": {"format": "pt"}}
        body = b""
        for name, array in tensors[number::n_files]:
            raw = _encoded(array, kind)
            header[name] = {
                "dtype": kind,
                "shape": list(array.shape),
                "data_offsets": [len(body), len(body) + len(raw)],
            }
            body += raw
        head = json.dumps(header).encode()
        path = folder / f"model-{number:05}.safetensors"
        path.write_bytes(struct.pack("<Q", len(head)) + head + body)
    return folder


def _encoded(array: NDArray[np.float32], kind: str) -> bytes:
    if kind == "BF16":
        return (array.view(np.uint32) >> np.uint32(16)).astype(np.uint16).tobytes()
    return array.astype({"F16": np.float16, "F32": np.float32}[kind]).tobytes()
