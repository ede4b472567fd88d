"""Processor milliseconds of the kernel: an encoding by its length, a decoder step by its rows.

On noise, one thread, the least of several: what the arithmetic costs, without search or text.

    python bench/steps.py [--weights FOLDER]
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from auricle.audio.log_mel import LogMel
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.kernel import Kernel, KernelLimits
from auricle.engines.whisper.weights import load_weights
from auricle.settings import load
from cpu_time import own_cpu_s
from records import Recorder, describe_run, warn_if_busy
from table import format_table

LENGTHS_S = (10, 15, 20, 25, 30)
ROWS = ((1, 1), (1, 5), (2, 1), (4, 1), (8, 1), (8, 2), (8, 5))
"""Windows, and texts followed in each."""
PROMPT = [50258, 50259, 50359]
ANY_TOKEN = 500
N_TOKENS_BEFORE, N_TIMED = 30, 20


def least_ms(work: Callable[[], object], n_times: int) -> float:
    used = []
    for _ in range(n_times):
        before = own_cpu_s()
        work()
        used.append(own_cpu_s() - before)
    return 1e3 * min(used)


def encode_ms(kernel: Kernel, noise: LogMel) -> float:
    return least_ms(lambda: kernel.release(kernel.encode(noise)), 6)


def step_ms(kernel: Kernel, noise: LogMel, n_windows: int, n_texts: int) -> float:
    states = [kernel.encode(noise) for _ in range(n_windows)]
    rows = [kernel.join(state) for state in states for _ in range(n_texts)]
    kernel.step(dict.fromkeys(rows, PROMPT))
    feed = {row: [ANY_TOKEN] for row in rows}
    for _ in range(N_TOKENS_BEFORE):
        kernel.step(feed)
    result = least_ms(lambda: kernel.step(feed), N_TIMED)
    for row in rows:
        kernel.leave(row)
    for state in states:
        kernel.release(state)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    settings, _ = load()
    folder = settings.cache_dir / "models" / settings.model
    parser.add_argument("--weights", type=Path, default=folder)
    options = parser.parse_args()
    warn_if_busy()
    kernel = Kernel(load_weights(options.weights), GraphOptions.fastest(), KernelLimits(8, 48))
    random = np.random.default_rng(0)
    recorder = Recorder("steps")
    recorder.write("run", describe_run(options.weights))
    table = []
    for length_s in LENGTHS_S:
        noise = random.normal(size=(kernel.dims.n_mels, 100 * length_s)).astype(np.float32)
        steps = [step_ms(kernel, noise, *shape) for shape in ROWS]
        figures = [encode_ms(kernel, noise), *steps]  # last: the first step waits for the decoder
        recorder.write("length", {"length_s": length_s, "encode_and_steps_ms": figures})
        table.append([f"{length_s} s", *(f"{figure:.1f}" for figure in figures)])
    print(format_table(["context", "encode", *(f"{w} x {t}" for w, t in ROWS)], table))


if __name__ == "__main__":
    main()
