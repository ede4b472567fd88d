"""Figures under load: quantiles, what a level adds up to, memory of a tree of processes."""

import math
import subprocess
import sys

import pytest

from auricle.process_tree import tree_pss_bytes
from harness.waiting import eventually
from latencies import quantile, quantiles_ms
from load import Level, Request, summary
from memory import MemoryWatch


def test_quantiles_are_values_that_occurred() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert [quantile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert quantile([7.0], 0.99) == 7
    assert math.isnan(quantile([], 0.5))
    assert quantiles_ms([], (0.5, 0.9)) == ["-", "-"]
    assert quantiles_ms([0.25], (0.5,)) == ["250"]


def test_a_level_counts_answers_refusals_and_failures_apart() -> None:
    level = Level(4, span_s=10.0, peak_bytes=3 << 20)
    level.requests += [Request("short", 3.0, 200, wall_s, 0.5) for wall_s in (1.0, 2.0, 3.0)]
    level.requests += [Request("long", 300.0, 429, 0.1, None), Request("long", 300.0, 0, 9.0, None)]
    found = summary(level)
    assert found["audio_s_per_s"] == 0.9
    assert (found["requests"], found["refused"], found["failed"]) == (5, 1, 1)
    assert found["latency_s"] == {"short": {"p50": 2.0, "p95": 3.0, "p99": 3.0}}
    assert found["peak_pss_mib"] == 3


@pytest.mark.needs("procfs")
def test_memory_is_the_most_there_was() -> None:
    program = (
        "import sys; sys.stdin.readline(); block = bytearray(b'x' * (64 << 20));"
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        before = tree_pss_bytes(child.pid) or 0
        with MemoryWatch(child.pid, period_s=0.01) as watch:
            child.stdin.write(b"\n")
            child.stdin.flush()
            child.stdout.readline()
            eventually(lambda: watch.peak_bytes > before + (60 << 20))
        child.communicate()
