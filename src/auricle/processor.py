"""What this processor can compute with: the runtime's own answer names what it can emulate too.

`OPTIMIZATION_CAPABILITIES` lists BF16 on machines that only have AVX-512, where the plugin then
takes seconds for an encoder (OpenVINO 2026.4.1).
"""

import os
from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")

_WIDE_INT8_DOT = frozenset(
    f"avx512{part}" for part in ("f", "bw", "cd", "dq", "vl", "_vnni")
)  # with which every processor has what came before them: FMA, F16C, BMI

_AVX2 = frozenset({"avx2", "fma", "f16c", "bmi1", "bmi2", "abm", "movbe"})
"""With what every processor with AVX2 has, but a virtual machine may hide."""

_BF16_TILES = frozenset({"amx_tile", "amx_bf16", "avx512_bf16"})

_ISA_ORDER = [
    "SSE41",
    "AVX",
    "AVX2",
    "AVX2_VNNI",
    "AVX2_VNNI_2",
    "AVX512_CORE",
    "AVX512_CORE_VNNI",
    "AVX512_CORE_BF16",
    "AVX10_1_512",
    "AVX512_CORE_FP16",
    "AVX512_CORE_AMX",
    "AVX10_1_512_AMX",
    "AVX512_CORE_AMX_FP16",
    "ALL",
    "DEFAULT",
]


@cache
def has_bf16() -> bool:
    """Whether products of bfloat16 are instructions of this processor."""
    return bool(_flags() & {"avx512_bf16", "amx_bf16"}) and _is_allowed("AVX512_CORE_BF16")


@cache
def has_bf16_tiles() -> bool:
    """Whether products of whole tiles of bfloat16 (AMX) are instructions of this processor."""
    return _flags() >= _BF16_TILES and _is_allowed("AVX512_CORE_AMX")


@cache
def has_int8_dot() -> bool:
    """Whether sums of products of bytes are instructions (VNNI) of this processor."""
    return has_wide_int8_dot() or ("avx_vnni" in _flags() and _is_allowed("AVX2_VNNI"))


@cache
def has_wide_int8_dot() -> bool:
    """The same of 512 bits, with all else that code for them may use."""
    return _flags() >= _WIDE_INT8_DOT and _is_allowed("AVX512_CORE_VNNI")


@cache
def has_avx2() -> bool:
    """Whether 256-bit operations on whole numbers, and all of x86-64-v3, are of this processor."""
    return _flags() >= _AVX2 and _is_allowed("AVX2")


@cache
def _flags() -> frozenset[str]:
    """Instruction sets as Linux names them; none where it does not run, or on ARM."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split() for line in lines if line.startswith("flags")), ()))


def _is_allowed(isa: str) -> bool:
    """Whether the runtime's own cap, `ONEDNN_MAX_CPU_ISA`, leaves it."""
    cap = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    return cap not in _ISA_ORDER or _ISA_ORDER.index(cap) >= _ISA_ORDER.index(isa)
