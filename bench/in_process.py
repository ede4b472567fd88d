"""Our runtime in this process, behind the real pipeline: for what a server's settings do not reach.

One engine, no server: recordings' blocks are read once, then transcribed as often as wanted.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from auricle.audio.decode_limits import DecodeLimits
from auricle.engines.protocol import DecodeEvent, DecodeOptions, Delta, Engine, Ticket, Utterance
from auricle.engines.registry import DEFAULT_SLOTS
from auricle.frontend.pool import Block, FrontEndPool, RecordingEnd
from auricle.pipeline.options import TranscribeOptions
from auricle.pipeline.transcribe import Transcriber
from auricle.pipeline.windows import WindowOptions
from auricle.transcript.events import Completed
from manifest import Recording

AT_ONCE = 4

Blocks = list[Block | RecordingEnd]


@dataclass
class Stepping:
    """An engine in this process behind the seam's function."""

    engine: Engine

    def __post_init__(self) -> None:
        self._waiting: deque[tuple[int, Utterance, DecodeOptions]] = deque()
        self._events: dict[int, asyncio.Queue[DecodeEvent]] = {}
        self._live: set[int] = set()
        self._n_submitted = 0

    async def submit(
        self, utterance: Utterance, options: DecodeOptions, ticket: Ticket
    ) -> AsyncGenerator[DecodeEvent, None]:
        """See `auricle.engines.protocol.Submit`."""
        key = self._n_submitted = self._n_submitted + 1
        self._events[key] = asyncio.Queue()
        self._waiting.append((key, utterance, options))
        event: DecodeEvent = Delta("", "")
        while isinstance(event, Delta):
            event = await self._events[key].get()
            yield event

    async def run(self) -> None:
        """Step for ever."""
        while True:
            while self._waiting and len(self._live) < self.engine.info.slots:
                key, utterance, options = self._waiting.popleft()
                self._live.add(key)
                self.engine.join(key, utterance, options)
            for key, event in self.engine.step():
                self._events[key].put_nowait(event)
                if not isinstance(event, Delta):
                    self._live.discard(key)
            await asyncio.sleep(0 if self._live or self._waiting else 0.001)


async def read_blocks(recordings: Sequence[Recording], vad_file: Path) -> dict[str, Blocks]:
    pool = FrontEndPool(2, vad_file, DecodeLimits(), 1 << 30)
    await pool.start()
    try:
        blocks = {}
        for recording in recordings:
            async with aclosing(pool.read(recording.path)) as events:
                blocks[recording.id] = [event async for event in events]
        return blocks
    finally:
        await pool.close()


async def transcribe_all(
    engine: Engine,
    blocks: Mapping[str, Blocks],
    options: Mapping[str, TranscribeOptions] | None = None,
    windows: WindowOptions | None = None,
) -> dict[str, str]:
    """The text of each recording; the engine is closed.

    Args:
        engine: a new one.
        blocks: of each recording, by id.
        options: of some of them, by id.
        windows: how utterances are packed.
    """
    stepping = Stepping(engine)
    transcriber = Transcriber(stepping.submit, max_in_flight=DEFAULT_SLOTS, window_options=windows)
    permits = asyncio.Semaphore(AT_ONCE)

    async def text_of(name: str) -> str:
        async def given() -> AsyncIterator[Block | RecordingEnd]:
            for block in blocks[name]:
                yield block

        asked = (options or {}).get(name, TranscribeOptions())
        async with permits:
            events = transcriber.transcribe(given(), asked, Ticket(request=name))
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Completed):
                        return event.transcript.text
        raise AssertionError(name)

    async with asyncio.TaskGroup() as tasks:  # a fault of the engine ends the waiting too
        runner = tasks.create_task(stepping.run())
        texts = await asyncio.gather(*map(text_of, blocks))
        runner.cancel()
    engine.close()
    return dict(zip(blocks, texts, strict=True))
