from collections.abc import AsyncGenerator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from auricle.frontend.pool import DecodeLimits, FrontEndPool
from harness.media import silence
from harness.vad import vad_file

MEMORY_BYTES = 512 << 20
StartPool = Callable[..., Coroutine[Any, Any, FrontEndPool]]


@pytest_asyncio.fixture
async def start_pool() -> AsyncGenerator[StartPool, None]:
    """Starts pools and closes them after the test."""
    pools: list[FrontEndPool] = []

    async def start(
        size: int = 1,
        limits: DecodeLimits | None = None,
        memory_bytes: int = MEMORY_BYTES,
        **options: Any,
    ) -> FrontEndPool:
        pool = FrontEndPool(size, vad_file(), limits or DecodeLimits(), memory_bytes, **options)
        pools.append(pool)
        await pool.start()
        return pool

    yield start
    for pool in pools:
        await pool.close()
        assert pool.pids == frozenset()


@pytest.fixture(scope="session")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Silence, far longer than what the pipes between child and parent hold."""
    path = tmp_path_factory.mktemp("media") / "long.flac"
    path.write_bytes(silence(400))
    return path
