"""How long the campaigns last and where they begin."""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from harness.server import Server

SECONDS = float(os.environ.get("AURICLE_TEST_FUZZ_S") or 3600)
"""Of all campaigns together."""
FIRST_SEED = int(os.environ.get("AURICLE_TEST_FUZZ_SEED") or time.time())
Seeds = Callable[[float], Iterator[int]]


def pytest_report_header() -> str:
    return f"fuzz: {SECONDS:g} s, first seed {FIRST_SEED} (AURICLE_TEST_FUZZ_SEED)"


@pytest.fixture
def seeds() -> Seeds:
    """Seeds one after the other, for a share (0..1) of the time."""

    def count(share: float) -> Iterator[int]:
        end = time.monotonic() + share * SECONDS
        seed = FIRST_SEED
        while time.monotonic() < end:
            yield seed
            seed += 1

    return count


@pytest.fixture(scope="session")
def fuzzed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server, which must end well after all that was done to it."""
    running = Server(
        tmp_path_factory.mktemp("server") / "log",
        workers="1",
        max_audio_s="60",
        fetch_timeout_s="1",
    )
    yield running
    assert running.stop() == 0, running.log[-5000:]
    assert "Traceback" not in running.log
