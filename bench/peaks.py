"""What one core of this machine can do at best: arithmetic by number type, and reading memory.

Arithmetic is measured with OpenVINO's matrix products: its kernels come within a few percent of
what hand-written loops of the best instructions reach, but for tiles (AMX), of whose products of
bfloat16 from the second cache they reach half.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import openvino as ov
from openvino import opset13 as ops

SIZES = ((1500, 512, 2048), (2048, 2048, 2048))
"""Rows, inner, columns: a layer of whisper-base, and a large product."""
REPEATS = 12
MEMORY_BYTES = 256 << 20
INT8_LEVELS = 256


@dataclass(frozen=True, slots=True)
class Peaks:
    """Of one core: floating or integer operations a second, and bytes read a second."""

    f32: float
    bf16: float
    int8: float
    memory: float

    def as_json(self) -> dict[str, float]:
        """In giga-operations and gigabytes a second."""
        return {name: round(value / 1e9, 1) for name, value in asdict(self).items()}


def measure_peaks() -> Peaks:
    """The best of several tries each. A type that the processor lacks gets float32's figure."""
    f32 = _product("f32")
    bf16 = int8 = 0.0
    capabilities = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if "BF16" in capabilities:
        bf16 = _product("bf16")
    if "INT8" in capabilities:
        int8 = _product("int8")
    return Peaks(f32, max(f32, bf16), max(f32, bf16, int8), _memory())


def _best_s(run: Callable[[], object]) -> float:
    """Shortest processor time of a run: what other processes take does not count."""
    times = []
    run()
    for _ in range(REPEATS):
        started_s = time.process_time()
        run()
        times.append(time.process_time() - started_s)
    return min(times)


def _product(kind: str) -> float:
    """Operations a second of a matrix product with constant weights."""
    best = 0.0
    for rows, inner, columns in SIZES:
        model = _model(rows, inner, columns, int8=kind == "int8")
        properties = {
            "INFERENCE_NUM_THREADS": 1,
            "INFERENCE_PRECISION_HINT": "bf16" if kind == "bf16" else "f32",
        }
        request = ov.Core().compile_model(model, "CPU", properties).create_infer_request()
        request.set_input_tensor(ov.Tensor(np.ones((rows, inner), np.float32)))
        best = max(best, 2 * rows * inner * columns / _best_s(request.infer))
    return best


def _model(rows: int, inner: int, columns: int, *, int8: bool) -> ov.Model:
    """One product; with `int8` both sides are quantized, which the plugin computes in integers."""
    x = ops.parameter([rows, inner], np.float32)
    weights = np.random.default_rng(0).standard_normal((columns, inner)).astype(np.float32)
    if not int8:
        return ov.Model([ops.matmul(x, ops.constant(weights), False, True)], [x])
    levels = np.clip(np.round(weights * 32), -127, 127).astype(np.int8)
    scaled = ops.multiply(ops.convert(ops.constant(levels), "f32"), np.float32(1 / 32))
    low, high = np.float32(-1.28), np.float32(1.27)
    quantized = ops.fake_quantize(x, low, high, low, high, INT8_LEVELS)
    return ov.Model([ops.matmul(quantized, scaled, False, True)], [x])


def _memory() -> float:
    """Bytes a second of reading an array that no cache holds."""
    values = np.ones(MEMORY_BYTES // 4, np.float32)
    return MEMORY_BYTES / _best_s(values.max)
