"""The converter for whisper.cpp, read back with the layout of its own loader."""

import struct
from io import BytesIO
from math import prod
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from peers.ggml_weights import quantize, write_ggml
from whisper.checkpoints import SHAPES, neutral_arrays, write_ctranslate2
from whisper.tokenizers import write_tokenizer

Tensors = dict[str, NDArray[np.float32]]


def dequantized(raw: bytes) -> NDArray[np.float32]:
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("values", "i1", 32)]))
    values = blocks["scale"].astype(np.float32)[:, None] * blocks["values"]
    return np.asarray(values, np.float32).reshape(-1)


def read_ggml(raw: bytes) -> tuple[tuple[int, ...], list[bytes], Tensors]:
    """The head, the vocabulary and the tensors, shaped as NumPy has them."""
    file = BytesIO(raw)

    def numbers(n: int) -> tuple[int, ...]:
        return struct.unpack(f"<{n}i", file.read(4 * n))

    head = numbers(12)
    file.read(4 * prod(numbers(2)))
    vocabulary = [file.read(numbers(1)[0]) for _ in range(numbers(1)[0])]
    tensors: Tensors = {}
    while more := file.read(12):
        n_dims, name_length, kind = struct.unpack("<3i", more)
        shape = numbers(n_dims)[::-1]
        name = file.read(name_length).decode()
        n = prod(shape)
        if kind == 8:
            flat = dequantized(file.read(n // 32 * 34))
        else:
            flat = np.frombuffer(file.read(n * (2 if kind else 4)), "<f2" if kind else "<f4")
        tensors[name] = flat.astype(np.float32).reshape(shape)
    return head, vocabulary, tensors


def test_quantized_values_are_near_and_blocks_of_nothing_are_zero() -> None:
    values = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    values[2, :32] = 0
    back = dequantized(quantize(values)).reshape(values.shape)
    largest = np.abs(values.reshape(4, 2, 32)).max(axis=2).repeat(32, axis=1)
    assert np.all(np.abs(back - values) <= largest / 127)
    assert np.all(back[2, :32] == 0)


@pytest.mark.parametrize("kind", ["multilingual", "turbo"])
def test_every_array_is_found_under_its_name_in_whisper_cpp(tmp_path: Path, kind: str) -> None:
    shape = SHAPES[kind]
    arrays = neutral_arrays(shape)
    write_ctranslate2(tmp_path, arrays)
    write_tokenizer(tmp_path, multilingual=True)
    write_ggml(tmp_path, target := tmp_path / "ggml.bin")
    head, vocabulary, tensors = read_ggml(target.read_bytes())
    d = shape.d_model
    assert head[1:5] == (shape.n_vocab, shape.n_audio, d, d // 64)
    assert head[5:9] == (shape.n_encoder_layers, shape.n_text, d, d // 64)
    assert head[9:] == (shape.n_decoder_layers, shape.n_mels, 2007)
    assert b" " in vocabulary
    n_of_layers = 15 * shape.n_encoder_layers + 24 * shape.n_decoder_layers
    assert len(tensors) == 4 + 1 + 2 * 3 + n_of_layers

    def near(name: str, expected: NDArray[np.float32]) -> None:
        np.testing.assert_allclose(tensors[name], expected, atol=np.abs(expected).max() / 100)

    near("encoder.conv1.weight", arrays["encoder.conv1.weight"])
    near("encoder.conv2.bias", arrays["encoder.conv2.bias"][:, None])
    near("decoder.positional_embedding", arrays["decoder.positions"])
    near("decoder.blocks.0.attn.value.weight", arrays["decoder.0.self.qkv.weight"][2 * d :])
    near("decoder.blocks.0.attn.value.bias", arrays["decoder.0.self.qkv.bias"][2 * d :])
    near("decoder.blocks.0.cross_attn.key.weight", arrays["decoder.0.cross.kv.weight"][:d])
    near("encoder.blocks.1.mlp.2.weight", arrays["encoder.1.ffn.down.weight"])
    assert "decoder.blocks.0.attn.key.bias" not in tensors
