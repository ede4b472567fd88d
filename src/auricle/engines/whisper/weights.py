"""One neutral view of a Whisper checkpoint, whatever file it lies in.

Arrays are read lazily from memory-mapped files, as float32, by the names below (`{side}` is
`encoder` or `decoder`, `{i}` a layer):

    encoder.conv1.weight (d_model, n_mels, 3), encoder.conv2.weight (d_model, d_model, 3), .bias
    {side}.positions (n_positions, d_model), {side}.norm.weight, .bias (d_model,)
    decoder.embedding (n_vocab, d_model), also the output projection
    {side}.{i}.self.qkv.weight (3 * d_model, d_model), .bias; {side}.{i}.self.out, .norm
    decoder.{i}.cross.query, .kv (2 * d_model, d_model), .out, .norm
    {side}.{i}.ffn.up (4 * d_model, d_model), .down, .norm
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.stored_array import StoredArray
from auricle.errors import WeightsError

HEAD_SIZE = 64
"""Values of one attention head; the same in every Whisper."""

_N_SAMPLES = 64
_SAMPLE_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class WhisperDims:
    """The sizes of a checkpoint; `n_audio` and `n_text` are positions, not seconds or tokens."""

    n_mels: int
    d_model: int
    n_encoder_layers: int
    n_decoder_layers: int
    n_vocab: int
    n_audio: int
    n_text: int

    @property
    def n_heads(self) -> int:
        """Attention heads, in the encoder and in the decoder."""
        return self.d_model // HEAD_SIZE


class WhisperWeights:
    """The arrays of a checkpoint by neutral name; reading one copies it out of the file."""

    def __init__(self, arrays: Mapping[str, StoredArray], fingerprint: str = "") -> None:
        """Args: `fingerprint` differs for different files; caches are keyed with it."""
        self._arrays = arrays
        self.fingerprint = fingerprint
        self.dims = _dims(self)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def stored(self, name: str) -> StoredArray:
        """The array called `name`, not yet read.

        Raises:
            WeightsError: the checkpoint has no such array.
        """
        try:
            return self._arrays[name]
        except KeyError as error:
            msg = f"the Whisper checkpoint lacks {name!r}: it is damaged or of an unknown kind"
            raise WeightsError(msg) from error

    def array(self, name: str) -> NDArray[np.float32]:
        """The array called `name`; raises as `stored` does."""
        return self.stored(name).read()


def _n_layers(weights: WhisperWeights, side: str) -> int:
    n_layers = 0
    while f"{side}.{n_layers}.ffn.up.weight" in weights:
        n_layers += 1
    return n_layers


def _dims(weights: WhisperWeights) -> WhisperDims:
    d_model, n_mels, _ = weights.stored("encoder.conv1.weight").shape
    dims = WhisperDims(
        n_mels=n_mels,
        d_model=d_model,
        n_encoder_layers=_n_layers(weights, "encoder"),
        n_decoder_layers=_n_layers(weights, "decoder"),
        n_vocab=weights.stored("decoder.embedding").shape[0],
        n_audio=weights.stored("encoder.positions").shape[0],
        n_text=weights.stored("decoder.positions").shape[0],
    )
    if d_model % HEAD_SIZE or not dims.n_encoder_layers or not dims.n_decoder_layers:
        msg = f"no Whisper checkpoint: it has sizes {dims}"
        raise WeightsError(msg)
    return dims


def _fingerprint(paths: Sequence[Path]) -> str:
    """Of the files' sizes and of samples from all over them: reading them whole takes longer."""
    digest = hashlib.sha256()
    for path in paths:
        size = path.stat().st_size
        digest.update(f"{path.name}:{size};".encode())
        with path.open("rb") as file:
            for i in range(_N_SAMPLES):
                file.seek(size * i // _N_SAMPLES)
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def load_weights(folder: Path) -> WhisperWeights:
    """Open the checkpoint in `folder`: CTranslate2's `model.bin` or `*.safetensors`.

    Raises:
        WeightsError: the folder has neither, or the file is damaged.
    """
    from auricle.engines.whisper import ctranslate2_format, safetensors_format  # noqa: PLC0415

    if (folder / "model.bin").is_file():
        path = folder / "model.bin"
        return WhisperWeights(ctranslate2_format.read(path), _fingerprint([path]))
    files = sorted(folder.glob("*.safetensors"))
    if files:
        return WhisperWeights(safetensors_format.read(files), _fingerprint(files))
    msg = f"no model.bin and no *.safetensors in {folder}"
    raise WeightsError(msg)
