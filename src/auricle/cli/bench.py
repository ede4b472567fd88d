"""`auricle bench`: how fast this machine transcribes the user's own recordings."""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from statistics import median

from auricle.cli.flags import add_setting_flags, setting_flags
from auricle.cli.measuring import AT_ONCE, Load, find_recordings, measure, readable, running
from auricle.process_tree import tree_pss_bytes
from auricle.settings import Settings, load
from auricle.weights.progress import progress_for


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "bench",
        help="measure the speed on your recordings",
        description="Transcribe your recordings one at a time and many at once, and print how "
        "long it takes: all that the server does, without HTTP. Every file is transcribed three "
        "times, the first one to warm up.",
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="FILE|FOLDER")
    add_setting_flags(
        parser, "model", "workers", "threads", "batch", "engine", "beam_size", "language"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    settings, _ = load(setting_flags(arguments))
    recordings = find_recordings(arguments.inputs)
    print(asyncio.run(_measured(settings, recordings)))
    return 0


async def _measured(settings: Settings, recordings: list[Path]) -> str:
    from auricle.served_weights import Weights  # noqa: PLC0415 (other commands need not wait for it)

    weights = Weights(settings, progress_for(sys.stderr))
    started_s = time.perf_counter()
    async with running(settings, weights) as runtime:
        start_s = time.perf_counter() - started_s
        recordings = await readable(runtime, recordings)
        alone = await measure(runtime, recordings, 1)
        together = await measure(runtime, recordings, AT_ONCE)
        memory = tree_pss_bytes(os.getpid())
    engine = weights.row.engine
    head = (
        f"{weights.row.id}, {engine}, {settings.workers} x {settings.threads} threads, "
        f"batch {settings.batch}, beam {settings.beam_size or 'default'}"
    )
    return "\n".join([head, *report(start_s, alone, together, memory)])


def report(start_s: float, alone: Load, together: Load, memory_bytes: int | None) -> list[str]:
    """Lines of figures; what this system does not tell is left out."""
    lines = [
        f"{'workers ready after':24} {start_s:.1f} s",
        f"{'one at a time':24} {alone.speed:.1f} s of audio a second "
        f"({len(alone.recordings)} recordings, {alone.audio_s:.0f} s)",
    ]
    firsts = [r.first_s for r in alone.recordings if r.first_s is not None]
    if firsts:
        worst = f"{median(firsts):.2f} s (longest {max(firsts):.2f} s)"
        lines.append(f"{'first text after':24} {worst}")
    n_at_once = min(AT_ONCE, len(together.recordings))
    if n_at_once > 1:
        lines.append(f"{f'{n_at_once} at once':24} {together.speed:.1f} s of audio a second")
    if together.cpu_s is not None and together.audio_s:
        per_minute_s = together.cpu_s * 60 / together.audio_s
        lines.append(f"{'processor':24} {per_minute_s:.1f} s a minute of audio")
    if memory_bytes is not None:
        lines.append(f"{'memory, all processes':24} {memory_bytes / 1e9:.2f} GB")
    return lines
