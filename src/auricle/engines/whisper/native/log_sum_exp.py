"""What a row of logits is normalised by: asked for every text in every step."""

import numpy as np
from numpy.typing import NDArray

from auricle.engines.whisper.native.library import best_native, library


def log_sum_exp(logits: NDArray[np.float32]) -> float:
    """The logarithm of the sum of the exponentials of (n,) values, which may be -inf."""
    native = best_native()
    compiled = library(native) if native else None
    if compiled is not None:
        logits = np.ascontiguousarray(logits, np.float32)
        return float(compiled.auricle_log_sum_exp(logits.ctypes.data, len(logits)))
    best = float(logits.max())
    behind = logits - best
    return best + float(np.log(np.exp(behind, out=behind).sum()))
