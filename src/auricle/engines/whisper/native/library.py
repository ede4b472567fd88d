"""The compiled libraries: functions and structures as in `encoder.c` and `decoder.c`."""

import ctypes
from ctypes import POINTER, Structure, c_float, c_int, c_int32, c_int64, c_void_p
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from auricle.processor import has_avx2, has_bf16_tiles, has_wide_int8_dot

FOLDER = Path(__file__).parent
"""Where they are compiled to when the package is installed (`hatch_build.py`)."""

MOST_POSITIONS = 1536
"""Of a window or a text, MOST_SEEN in `heads.h`."""


class Native(StrEnum):
    """What a library computes by, and its name.

    BYTES are products of bytes (AVX-512 with VNNI), WORDS of 16 bits (AVX2), TILES, which are of
    the encoder alone, of bfloat16 (AMX).
    """

    BYTES = "bytes"
    WORDS = "words"
    TILES = "tiles"


class Norm(Structure):
    """Weight and bias, each (d_model,) of float32."""

    _fields_ = (("weight", c_void_p), ("bias", c_void_p))


class Linear(Structure):
    """A layer, see `linear.h` and `linear_tiles.h`."""

    _fields_ = (
        ("weights", c_void_p),
        ("scales", c_void_p),
        ("bias", c_void_p),
        ("n_in", c_int32),
        ("n_out", c_int32),
    )


class EncoderLayer(Structure):
    """One layer of the encoder."""

    NORMS = ("self_norm", "ffn_norm")
    LINEAR = ("self_qkv", "self_out", "ffn_up", "ffn_down")
    _fields_ = (*((name, Norm) for name in NORMS), *((name, Linear) for name in LINEAR))


class Encoder(Structure):
    """All weights of the encoder behind its convolutions."""

    _fields_ = (
        ("d_model", c_int32),
        ("layers", POINTER(EncoderLayer)),
        ("norm", Norm),
        ("windows", POINTER(Linear)),
    )


class DecoderLayer(Structure):
    """One layer of the decoder."""

    NORMS = ("self_norm", "cross_norm", "ffn_norm")
    LINEAR = ("self_qkv", "self_out", "cross_query", "cross_out", "ffn_up", "ffn_down")
    _fields_ = (*((name, Norm) for name in NORMS), *((name, Linear) for name in LINEAR))


class Decoder(Structure):
    """All weights of the decoder but the embedding."""

    _fields_ = (
        ("d_model", c_int32),
        ("n_layers", c_int32),
        ("layers", POINTER(DecoderLayer)),
        ("norm", Norm),
        ("projection", Linear),
    )


class Window(Structure):
    """An encoded window, and how many of the step's tokens look at it."""

    _fields_ = (
        ("keys", POINTER(c_void_p)),
        ("values", POINTER(c_void_p)),
        ("scales", c_void_p),
        ("n_positions", c_int32),
        ("n_tokens", c_int32),
    )


class Batch(Structure):
    """What a step of the decoder is given."""

    _fields_ = (
        *((name, c_int32) for name in ("n_tokens", "n_windows", "n_wanted")),
        ("windows", POINTER(Window)),
        *((name, c_void_p) for name in ("positions", "pages", "first_page", "wanted")),
        ("caches", POINTER(c_void_p)),
    )


_ENCODER = POINTER(Encoder)
_ENCODER_SIGNATURES: dict[str, list[Any]] = {
    "auricle_encoder_may_run": [],
    "auricle_encoder_room": [_ENCODER, c_int, c_int],
    "auricle_encoder_layers": [_ENCODER, c_int, c_int, c_void_p, c_int, c_void_p, c_int],
    "auricle_encoder_windows": [
        *(_ENCODER, c_int, c_void_p, c_int, c_float),
        *(POINTER(c_void_p), c_void_p, c_void_p, c_int),
    ],
}
_DECODER = POINTER(Decoder)
_DECODER_SIGNATURES: dict[str, list[Any]] = {
    "auricle_log_sum_exp": [c_void_p, c_int],
    "auricle_decoder_room": [_DECODER, c_int],
    "auricle_decoder_step": [_DECODER, POINTER(Batch), c_void_p, c_void_p, c_void_p],
}
_RESULTS = {
    "auricle_encoder_may_run": c_int,
    "auricle_encoder_room": c_int64,
    "auricle_decoder_room": c_int64,
    "auricle_log_sum_exp": c_float,
}


@cache
def library(native: Native) -> ctypes.CDLL | None:
    """Encoder and decoder, or with TILES the encoder.

    Nothing where there is no such library (on ARM, beside Linux) or an older one, nor where the
    system lets nobody use tiles.
    """
    has_decoder = native is not Native.TILES
    signatures = _ENCODER_SIGNATURES | (_DECODER_SIGNATURES if has_decoder else {})
    try:
        loaded = ctypes.CDLL(str(FOLDER / f"{native}.so"))
        for name, arguments in signatures.items():
            function = getattr(loaded, name)
            function.argtypes, function.restype = arguments, _RESULTS.get(name)
    except (OSError, AttributeError):
        return None
    return loaded if loaded.auricle_encoder_may_run() else None


@cache
def best_native() -> Native | None:
    """What the decoder is quickest by on this processor, and the encoder where it has no tiles."""
    if has_wide_int8_dot():
        return Native.BYTES if library(Native.BYTES) else None
    return Native.WORDS if has_avx2() and library(Native.WORDS) else None


@cache
def best_native_encoder() -> Native | None:
    """What the encoder is quickest by."""
    best = best_native()
    return Native.TILES if best and has_bf16_tiles() and library(Native.TILES) else best
