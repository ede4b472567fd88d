"""How search and context are set: errors of our runtime under several settings, in this process.

One engine, no server: the recordings' blocks are read once, then each setting transcribes all of
them through the real pipeline. Each `--setting` is a few of beam, margin (natural logarithm),
floor (seconds of context at least) and max (seconds of a window at most); what it leaves out is
the default. Prints a table and appends JSON lines to `bench/results/`.

    python bench/search.py --setting beam=3,margin=0.7 --setting beam=5,margin=3 --setting beam=1
"""

import argparse
import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from auricle.audio.decode import DecodeLimits
from auricle.engines.protocol import DecodeEvent, DecodeOptions, Delta, Engine, Ticket, Utterance
from auricle.engines.registry import DEFAULT_SLOTS, OPENVINO_BEAM
from auricle.engines.whisper.decoding.context import ContextPolicy
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.openvino_engine import OpenVinoWhisper
from auricle.engines.whisper.policy import DecodePolicy
from auricle.frontend.pool import Block, FrontEndPool, RecordingEnd
from auricle.pipeline.options import TranscribeOptions
from auricle.pipeline.transcribe import Transcriber
from auricle.pipeline.windows import WindowOptions
from auricle.runtime import Weights
from auricle.scoring.text import scored_tokens
from auricle.scoring.wer import ErrorCounts, count_errors
from auricle.settings import load
from auricle.transcript.events import Completed
from manifest import Recording, find_manifest, read_manifest
from normalizers import load_normalizers
from records import Recorder, describe_run
from table import format_table

KINDS = ("read", "longform", "conversation")
AT_ONCE = 4
NAMES = ("beam", "margin", "floor", "max")

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


def parse_setting(text: str) -> dict[str, float]:
    pairs = dict(part.split("=", 1) for part in text.split(","))
    if unknown := set(pairs) - set(NAMES):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {NAMES}")
    return {name: float(value) for name, value in pairs.items()}


async def read_blocks(recordings: Sequence[Recording], weights: Weights) -> dict[str, Blocks]:
    pool = FrontEndPool(2, weights.vad_file, DecodeLimits(), 1 << 30)
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
    blocks: dict[str, Blocks], folder: Path, setting: dict[str, float]
) -> dict[str, str]:
    """The text of each recording under one setting."""
    policy = DecodePolicy(
        beam_size=int(setting.get("beam", OPENVINO_BEAM)),
        beam_margin=setting.get("margin", DecodePolicy().beam_margin),
    )
    context = ContextPolicy(floor_s=setting.get("floor", ContextPolicy().floor_s))
    engine = OpenVinoWhisper(
        folder, policy, GraphOptions.fastest(), context=context, slots=DEFAULT_SLOTS
    )
    stepping = Stepping(engine)
    longest_s = setting.get("max", WindowOptions().max_s)
    windows = WindowOptions(max_s=longest_s, min_s=0.8 * longest_s)
    transcriber = Transcriber(stepping.submit, max_in_flight=DEFAULT_SLOTS, window_options=windows)
    permits = asyncio.Semaphore(AT_ONCE)

    async def text_of(name: str) -> str:
        async def given() -> AsyncIterator[Block | RecordingEnd]:
            for block in blocks[name]:
                yield block

        async with permits:
            events = transcriber.transcribe(given(), TranscribeOptions(), Ticket(request=name))
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Completed):
                        return event.transcript.text
        raise AssertionError(name)

    runner = asyncio.create_task(stepping.run())
    try:
        texts = await asyncio.gather(*map(text_of, blocks))
    finally:
        runner.cancel()
        engine.close()
    return dict(zip(blocks, texts, strict=True))


def errors_by_kind(
    recordings: Sequence[Recording], texts: dict[str, str]
) -> dict[str, ErrorCounts]:
    normalizers = load_normalizers()
    total: defaultdict[str, ErrorCounts] = defaultdict(ErrorCounts)
    for recording in recordings:
        spoken, heard = (
            scored_tokens(text or "", recording.language, normalizers)
            for text in (recording.reference, texts[recording.id])
        )
        total[recording.kind] += count_errors(spoken, heard)
    return dict(total)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--manifest")
    parser.add_argument("--language", default="en")
    parser.add_argument("--setting", type=parse_setting, action="append", metavar="NAME=VALUE,…")
    options = parser.parse_args()
    settings, _ = load()
    weights = Weights(settings)
    recordings = [
        recording
        for recording in read_manifest(find_manifest(options.manifest))
        if recording.kind in KINDS and recording.language == options.language
    ]
    blocks = await read_blocks(recordings, weights)
    recorder = Recorder("search")
    recorder.write("run", describe_run(weights.folder))
    rows = []
    for setting in options.setting or [{}]:
        texts = await transcribe_all(blocks, weights.folder, setting)
        errors = errors_by_kind(recordings, texts)
        counts = {kind: errors[kind].errors for kind in KINDS if kind in errors}
        name = ", ".join(f"{name} {value:g}" for name, value in setting.items()) or "default"
        rows.append([name, *(str(counts.get(kind, "-")) for kind in KINDS)])
        recorder.write("setting", {"setting": setting, "errors": counts})
        print(format_table(["setting", *KINDS], rows), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
