"""Files made to break decoders: each does what its manifest expects, and the child lives on."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest
import pytest_asyncio

from auricle.errors import TooLarge, UnreadableAudio
from auricle.frontend.pool import Block, DecodeLimits, FrontEndPool, RecordingEnd
from harness.vad import vad_file
from harness.watching import peak_bytes
from manifest import Recording, find_manifest
from unit.frontend.conftest import MEMORY_BYTES

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.needs("procfs")]

MAX_PEAK_BYTES = 250 << 20
EXPECTED = {
    "reject": {"unreadable"},
    "decode-or-reject": {"decoded"},  # we decode all that can be decoded
    "limit": {"too large"},
    "reject-or-limit": {"unreadable", "too large"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncGenerator[FrontEndPool, None]:
    pool = FrontEndPool(1, vad_file(), DecodeLimits(), MEMORY_BYTES)
    await pool.start()
    yield pool
    await pool.close()


async def outcome_of(pool: FrontEndPool, recording: Recording) -> tuple[str, tuple[str, ...]]:
    try:
        async with aclosing(pool.read(recording.path)) as items:
            found = [item async for item in items]
    except TooLarge:
        return "too large", ()
    except UnreadableAudio as error:
        return "gave up" if "gave up" in error.message else "unreadable", ()
    blocks = [item for item in found if isinstance(item, Block)]
    assert all(np.isfinite(block.waveform).all() for block in blocks)
    assert isinstance(found[-1], RecordingEnd)
    return "decoded", found[-1].notices


@pytest.mark.speech_set("hostile")
async def test_hostile_file_does_what_is_expected(pool: FrontEndPool, recording: Recording) -> None:
    pids = pool.pids
    outcome, notices = await outcome_of(pool, recording)
    assert outcome in EXPECTED[expectation_of(recording)]
    assert (outcome == "decoded") == bool(notices)
    assert pool.pids == pids
    assert max(map(peak_bytes, pids)) < MAX_PEAK_BYTES


def expectation_of(recording: Recording) -> str:
    for line in find_manifest(None).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["id"] == recording.id:
            return str(row["expect"])
    raise AssertionError(recording.id)
