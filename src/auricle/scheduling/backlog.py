"""How much audio was accepted and is not yet read: the queue's length in what it costs.

A recording claims its whole length as soon as its head tells it, and gives back what is read;
reading follows the engines by no more than a few windows. When the claims are over the limit, a
further recording is refused, unless it is short: a clip does not suffer from others' files.
"""

import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from auricle.audio.waveform import SAMPLE_RATE
from auricle.errors import Overloaded
from auricle.frontend.blocks import Block, RecordingEnd

SHORT_S = 60.0
"""Recordings up to this length are never refused here; their number is bounded elsewhere."""
SHORT_BYTES = 4 << 20
"""An upload over this is taken for a longer recording before it is read."""
MEMORY_S = 60.0
"""Over which time the pace of reading is averaged."""
FIRST_RETRY_S = 30
MAX_RETRY_S = 600


@dataclass(eq=False, slots=True)
class _Claim:
    """What one recording still has to be read, in seconds."""

    left_s: float = 0.0


class Backlog:
    """The claims of all recordings. Owner: the runtime; used on its event loop only.

    Args:
        limit_s: seconds that may be claimed; a recording alone may claim any length.
        clock: seconds that never go back.
    """

    def __init__(self, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._claims: set[_Claim] = set()
        self._recent_s = 0.0  # audio read, fading with MEMORY_S
        self._recent_at = clock()

    @property
    def total_s(self) -> float:
        """Seconds that are claimed."""
        return sum(claim.left_s for claim in self._claims)

    def refuse_when_full(self, n_bytes: int) -> None:
        """Turn away an upload that would be refused once it is read.

        Args:
            n_bytes: of the upload, as its client announces it; 0 if it does not.

        Raises:
            Overloaded: the limit is reached and the upload is no short clip.
        """
        if n_bytes > SHORT_BYTES and self.total_s >= self._limit_s:
            raise self._refusal(self.total_s)

    async def meter(
        self, blocks: AsyncGenerator[Block | RecordingEnd, None]
    ) -> AsyncGenerator[Block | RecordingEnd, None]:
        """Pass a recording's blocks on, and keep its claim while that lasts.

        Raises:
            Overloaded: before the first block, if the recording is too much.
        """
        claim = _Claim()
        self._claims.add(claim)
        n_samples = 0
        try:
            async with aclosing(blocks):
                async for block in blocks:
                    if isinstance(block, Block):
                        if n_samples == 0:
                            self._check(block.expected_s or 0.0)
                        n_samples += len(block.waveform)
                        claim.left_s = max(0.0, (block.expected_s or 0) - n_samples / SAMPLE_RATE)
                        self._note(len(block.waveform) / SAMPLE_RATE)
                    yield block
        finally:
            self._claims.discard(claim)

    def _check(self, length_s: float) -> None:
        total_s = self.total_s
        if length_s > SHORT_S and total_s > 0 and total_s + length_s > self._limit_s:
            raise self._refusal(total_s + length_s)

    def _refusal(self, total_s: float) -> Overloaded:
        self._note(0.0)
        pace = self._recent_s / MEMORY_S
        wait_s = (total_s - self._limit_s) / pace if pace > 0 else FIRST_RETRY_S
        return Overloaded(
            f"{self.total_s:.0f} seconds of audio wait to be transcribed, and the limit is "
            f"{self._limit_s:g}; try again later",
            retry_after_s=min(MAX_RETRY_S, max(1, math.ceil(wait_s))),
        )

    def _note(self, read_s: float) -> None:
        now = self._clock()
        self._recent_s *= math.exp((self._recent_at - now) / MEMORY_S)
        self._recent_s += read_s
        self._recent_at = now
