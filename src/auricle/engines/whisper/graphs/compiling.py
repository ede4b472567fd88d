"""Turning a graph into something that runs: precision and threads."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np
import openvino as ov

from auricle.engines.whisper.native.library import Native, best_native, best_native_encoder
from auricle.errors import EngineFailed
from auricle.processor import (
    has_avx2,
    has_bf16,
    has_bf16_tiles,
    has_int8_dot,
)

ACTIVATION_GROUP = 64
"""Values of a linear layer's input that share a scale where they are rounded to int8."""

BYTE_LIMIT, SAFE_BYTE_LIMIT = 127, 63
"""The greatest byte of a window. AVX2 adds two products of a byte without sign and one with it in
16 bits, which overflow silently beyond the second: 2 * 255 * 63 is within them."""

KEPT_KERNELS = 10
"""Compiled kernels that a graph keeps. Those of the encoder are of use within one window: its heads
and layers are alike, its length hardly comes again. In the decoder each number of rows and windows
wants its own; 200 are 2 % quicker on clips and take up to 100 MB more a worker. Without any the
plugin fuses no attention whose shapes are free (`docs/benchmarks.md`)."""


class Arithmetic(StrEnum):
    """What sums and products are computed in that are not of bytes."""

    F32 = "f32"
    BF16 = "bf16"


class CacheType(StrEnum):
    """What a row's own keys and values are stored as; U8 has one scale a position and head."""

    F32 = "f32"
    U8 = "u8"


@cache
def runtime() -> ov.Core:
    """This process's OpenVINO, with the CPU plugin: only then files with its operations load."""
    core = ov.Core()
    core.get_property("CPU", "FULL_DEVICE_NAME")
    return core


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """How the graphs compute.

    `encoder` is the arithmetic of the encoder. The decoder's is float32: its linear layers and
    windows are bytes where that is quick, and in bfloat16 a row's last bits, which depend on who
    else looks at its window, moved logits by a third of their spread (EPYC of 2022, 2026.4.1).

    `int8_encoder` and `int8_decoder` say whether weights are stored as int8, `int8_activations`
    whether linear layers with such weights round their inputs to int8 as well, with a scale for
    each ACTIVATION_GROUP values, `int8_windows` whether the keys and values of windows and what
    they are multiplied with are. Those products are exact, so their results do not depend on
    how many rows there are: without VNNI only if no key or value is beyond `window_limit`.
    `native_encoder` and `native_decoder` have a compiled library compute instead of a graph, whose
    windows are bytes: they go with `int8_windows` alone.
    """

    encoder: Arithmetic
    cache_type: CacheType
    int8_encoder: bool
    int8_decoder: bool
    int8_activations: bool = False
    int8_windows: bool = False
    window_limit: int = SAFE_BYTE_LIMIT
    native_encoder: Native | None = None
    native_decoder: Native | None = None
    n_threads: int = 1
    n_encoder_threads: int = 1

    def __post_init__(self) -> None:
        if (self.native_encoder or self.native_decoder) and not self.int8_windows:
            raise ValueError("the compiled libraries take windows of bytes only")
        if self.native_decoder is Native.TILES:
            raise ValueError("tiles are of the compiled encoder only")

    @classmethod
    def fastest(cls, *, n_threads: int = 1, n_encoder_threads: int = 1) -> "GraphOptions":
        """The quickest choice this processor computes rightly.

        int8 weights save memory traffic in the decoder everywhere; the encoder is bound by
        arithmetic, where they only pay together with int8 activations, and not beside tiles of
        bfloat16, which the plugin would first expand them for. Windows of bytes halve a step of
        eight with VNNI; with AVX2 alone they shorten it.
        """
        native_decoder = best_native() if n_threads == 1 else None
        return cls(
            encoder=Arithmetic.BF16 if has_bf16() else Arithmetic.F32,
            cache_type=CacheType.U8,
            int8_encoder=has_int8_dot() and not has_bf16_tiles(),
            int8_decoder=True,
            int8_activations=has_int8_dot(),
            int8_windows=has_int8_dot() or has_avx2(),
            window_limit=BYTE_LIMIT if native_decoder or has_int8_dot() else SAFE_BYTE_LIMIT,
            native_encoder=best_native_encoder(),
            native_decoder=native_decoder,
            n_threads=n_threads,
            n_encoder_threads=n_encoder_threads,
        )

    @classmethod
    def exact(cls, *, n_threads: int = 1) -> "GraphOptions":
        """Everything in float32: what tests compare with."""
        return cls(
            encoder=Arithmetic.F32,
            cache_type=CacheType.F32,
            int8_encoder=False,
            int8_decoder=False,
            n_threads=n_threads,
        )

    @property
    def cross_type(self) -> ov.Type:
        """What the keys and values of a window are stored as."""
        return ov.Type.i8 if self.int8_windows else ov.Type.f32

    @property
    def has_cheap_search(self) -> bool:
        """Whether a further text costs little beside the encoder: over windows of bytes.

        Not by a graph beside an encoder in bfloat16: there, texts that stay apart cost a fifth of
        the whole, and the first words wait for them.
        """
        is_beside_bf16 = self.encoder is Arithmetic.BF16 and not self.native_decoder
        return self.int8_windows and not is_beside_bf16

    @property
    def pairs_lone_tokens(self) -> bool:
        """Whether a linear layer computes one row by other kernels than several.

        float32 inputs with int8 weights: a vector's sums have another order than a matrix's, and
        of up to 64 rows each has the same to the last bit (OpenVINO 2026.4.1, AVX2).
        """
        return self.int8_decoder and not self.int8_activations

    def decoder_properties(self) -> dict[str, Any]:
        """For the plugin, whose fused attention would copy all keys and values at every step."""
        return self.alignment_properties() | {
            **_in_the_callers_thread(self.n_threads),
            "SNIPPETS_MODE": "DISABLE",
        }

    def alignment_properties(self) -> dict[str, Any]:
        """For the plugin: the decoder's arithmetic over a whole text."""
        return self.encoder_properties() | {"INFERENCE_PRECISION_HINT": Arithmetic.F32.value}

    def encoder_properties(self) -> dict[str, Any]:
        """For the plugin."""
        return {
            **_in_the_callers_thread(self.n_encoder_threads),
            "CPU_RUNTIME_CACHE_CAPACITY": KEPT_KERNELS,
            "ENABLE_CPU_PINNING": False,  # workers share the cores with others
            "INFERENCE_PRECISION_HINT": self.encoder.value,
            "KV_CACHE_PRECISION": self.cache_type.value,
            # By token: by channel, a page is quantized anew with every position written to it.
            "KEY_CACHE_QUANT_MODE": "BY_TOKEN",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": ACTIVATION_GROUP if self.int8_activations else 0,
        }


def _in_the_callers_thread(n_threads: int) -> dict[str, Any]:
    """For the plugin: `infer()` computes in the thread that calls it, with helpers beyond one.

    A stream of one thread would lose the exceptions of nodes (2026.4.1) and leave the outputs of
    the run before; without a stream there is one thread, and they are raised.
    """
    return {"INFERENCE_NUM_THREADS": n_threads, "NUM_STREAMS": 0 if n_threads == 1 else 1}


class CompiledGraph:
    """A graph that runs: named arrays in, named arrays out.

    Inputs stay set until they are set again. Not safe for concurrent use.
    """

    def __init__(self, model: ov.Model, properties: Mapping[str, Any]) -> None:
        """Compile `model` with properties of the CPU plugin.

        Raises:
            EngineFailed: the plugin cannot compile it on this processor.
        """
        try:
            compiled = runtime().compile_model(model, "CPU", dict(properties))
            if compiled.get_property("INFERENCE_NUM_THREADS") == 1:  # there are no cores for more
                alone = {**properties, **_in_the_callers_thread(1)}
                compiled = runtime().compile_model(model, "CPU", alone)
        except RuntimeError as error:
            msg = f"OpenVINO cannot compile {model.get_friendly_name()}: {error}"
            raise EngineFailed(msg) from error
        self._name = model.get_friendly_name()
        self._inputs = {port.any_name: port for port in compiled.inputs}
        self._outputs = {port.any_name for port in compiled.outputs}
        self._compiled = compiled
        self._request = compiled.create_infer_request()

    def allocate(self, name: str, n_first: int) -> ov.Tensor:
        """Memory for an input whose first dimension is free; set it with `bind`.

        It is not touched yet: the runtime's own tensors are, and so cost what they may hold.
        """
        port = self._inputs[name]
        rest = [dimension.get_length() for dimension in list(port.partial_shape)[1:]]
        memory = np.empty((n_first, *rest), port.element_type.to_dtype())
        return ov.Tensor(memory, shared_memory=True)

    def bind(self, name: str, tensor: ov.Tensor) -> None:
        """Use this memory as an input or output, without copying it."""
        self._request.set_tensor(name, tensor)

    def set(self, name: str, array: np.ndarray[Any, Any]) -> None:
        """Copy an array in."""
        self._request.set_tensor(name, ov.Tensor(np.asarray(array)))

    def run(self) -> None:
        """Compute the outputs, in the caller's thread: also in a copy of the process (`threads`).

        Raises:
            EngineFailed: the plugin failed.
        """
        try:
            self._request.infer()
        except RuntimeError as error:
            msg = f"OpenVINO failed in {self._name}: {error}"
            raise EngineFailed(msg) from error

    def give_back(self) -> None:
        """Free what the last run worked in, its outputs too if they are not bound."""
        self._compiled.release_memory()

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an output of the last run."""
        return tuple(self._request.get_tensor(name).shape)

    def output(self, name: str) -> np.ndarray[Any, Any]:
        """An output of the last run: a view that the next run overwrites."""
        assert name in self._outputs, name
        return np.asarray(self._request.get_tensor(name).data)
