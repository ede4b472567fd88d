"""The queue's length in seconds of audio."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE
from auricle.errors import Overloaded
from auricle.frontend.blocks import Block, RecordingEnd
from auricle.scheduling.backlog import MAX_RETRY_S, SHORT_BYTES, SHORT_S, Backlog

LIMIT_S = 1_000.0
Blocks = AsyncGenerator[Block | RecordingEnd, None]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Recording:
    """A recording that expects `expected_s` and yields blocks of ten seconds."""

    def __init__(self, expected_s: float | None, n_blocks: int = 3) -> None:
        self._expected_s = expected_s
        self._n_blocks = n_blocks
        self.is_closed = False

    async def blocks(self) -> Blocks:
        n = 10 * SAMPLE_RATE
        try:
            for i in range(self._n_blocks):
                nothing = np.zeros(n, np.float32)
                yield Block(i * n, nothing, nothing[:313], self._expected_s)
            yield RecordingEnd(self._n_blocks * n, (), 0.0, 0.0)
        finally:
            self.is_closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backlog(clock: Clock) -> Backlog:
    return Backlog(LIMIT_S, clock)


async def begin(backlog: Backlog, expected_s: float | None) -> Blocks:
    """A recording whose first ten seconds are read."""
    metered = backlog.meter(Recording(expected_s).blocks())
    await anext(metered)
    return metered


async def test_what_is_read_is_given_back(backlog: Backlog) -> None:
    recording = Recording(25.0)
    async with aclosing(backlog.meter(recording.blocks())) as metered:
        left = [backlog.total_s async for _ in metered]
    assert left == [15.0, 5.0, 0.0, 0.0]
    assert backlog.total_s == 0
    assert recording.is_closed


async def test_leaving_gives_all_back(backlog: Backlog) -> None:
    recording = Recording(500.0)
    metered = backlog.meter(recording.blocks())
    await anext(metered)
    assert backlog.total_s == 490
    await metered.aclose()
    assert backlog.total_s == 0
    assert recording.is_closed


async def test_claims_at_the_limit_pass_and_above_fail(backlog: Backlog) -> None:
    first = await begin(backlog, 510.0)
    second = await begin(backlog, 500.0)
    assert backlog.total_s == 990
    with pytest.raises(Overloaded, match=r"990 seconds of audio wait .* limit is 1000"):
        await begin(backlog, SHORT_S + 1)
    await second.aclose()
    third = await begin(backlog, 500.0)
    for each in (first, third):
        await each.aclose()


async def test_a_refused_recording_leaves_nothing(backlog: Backlog) -> None:
    first = await begin(backlog, 990.0)
    refused = Recording(990.0)
    with pytest.raises(Overloaded):
        await anext(backlog.meter(refused.blocks()))
    assert refused.is_closed
    assert backlog.total_s == 980
    await first.aclose()


async def test_short_ones_and_unknown_lengths_always_pass(backlog: Backlog) -> None:
    long = await begin(backlog, 5_000.0)  # alone it may have any length
    for expected_s in (SHORT_S, None):
        clip = await begin(backlog, expected_s)
        await clip.aclose()
    await long.aclose()


async def test_large_uploads_are_turned_away_at_the_door(backlog: Backlog) -> None:
    backlog.refuse_when_full(1 << 30)
    long = await begin(backlog, LIMIT_S + 10)
    backlog.refuse_when_full(SHORT_BYTES)
    with pytest.raises(Overloaded):
        backlog.refuse_when_full(SHORT_BYTES + 1)
    await long.aclose()


async def test_retry_after_follows_the_pace(backlog: Backlog, clock: Clock) -> None:
    slow = await begin(backlog, LIMIT_S + 310.0)
    for _ in range(2):
        clock.now += 1
        await anext(slow)
    with pytest.raises(Overloaded) as caught:
        backlog.refuse_when_full(1 << 30)
    assert 200 < caught.value.retry_after_s <= MAX_RETRY_S
    await slow.aclose()
