"""What the processes of engines start with, known without importing an engine."""

from collections.abc import Mapping

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For what is around an engine: only the engine itself may have more."""

ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "openvino": {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "2000000",
        "MALLOC_TRIM_THRESHOLD_": "4000000",
        "MALLOC_TOP_PAD_": "2000000",
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "50",
    }
}
"""What an engine's process starts with. For glibc: what is worked in for one shape goes back to the
system before the next, though not every few bytes of it. For OpenVINO's kernels: few are kept. Left
to themselves both grow for hours (`docs/benchmarks.md`)."""


def environment_of(engine: str, n_threads: int) -> Mapping[str, str]:
    """Variables for the process of an engine that computes with so many threads."""
    return {**ONE_THREAD, **ENVIRONMENTS.get(engine, {}), "OMP_NUM_THREADS": str(n_threads)}
