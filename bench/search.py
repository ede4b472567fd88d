"""How search and context are set: errors of our runtime under several settings, in this process.

One engine, no server: the recordings' blocks are read once, then each setting transcribes all of
them through the real pipeline. Each `--setting` is a few of beam, margin (natural logarithm),
floor (seconds of context at least) and max (seconds of a window at most); what it leaves out is
the default. Prints a table and appends JSON lines to `bench/results/`.

    python bench/search.py --setting beam=3,margin=0.7 --setting beam=5,margin=3 --setting beam=1
"""

import argparse
import asyncio
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from auricle.engines.registry import DEFAULT_SLOTS, openvino_policy
from auricle.engines.whisper.decoding.context import ContextPolicy
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.openvino_engine import OpenVinoWhisper
from auricle.pipeline.windows import WindowOptions
from auricle.scoring.text import scored_tokens
from auricle.scoring.wer import ErrorCounts, count_errors
from auricle.served_weights import Weights
from auricle.settings import load
from in_process import read_blocks, transcribe_all
from manifest import Recording, find_manifest, read_manifest
from normalizers import load_normalizers
from records import Recorder, describe_run
from table import format_table

KINDS = ("read", "longform", "conversation")
NAMES = ("beam", "margin", "floor", "max")


def parse_setting(text: str) -> dict[str, float]:
    pairs = dict(part.split("=", 1) for part in text.split(","))
    if unknown := set(pairs) - set(NAMES):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {NAMES}")
    return {name: float(value) for name, value in pairs.items()}


def engine_of(setting: dict[str, float], folder: Path) -> OpenVinoWhisper:
    graphs = GraphOptions.fastest()
    policy = openvino_policy(graphs, int(setting.get("beam", 0)), setting.get("margin"))
    context = ContextPolicy(floor_s=setting.get("floor", ContextPolicy().floor_s))
    return OpenVinoWhisper(folder, policy, graphs, context=context, slots=DEFAULT_SLOTS)


def windows_of(setting: dict[str, float]) -> WindowOptions:
    longest_s = setting.get("max", WindowOptions().max_s)
    return WindowOptions(max_s=longest_s, min_s=0.8 * longest_s)


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
    blocks = await read_blocks(recordings, weights.vad_file)
    recorder = Recorder("search")
    recorder.write("run", describe_run(weights.folder))
    rows = []
    for setting in options.setting or [{}]:
        engine = engine_of(setting, weights.folder)
        texts = await transcribe_all(engine, blocks, windows=windows_of(setting))
        errors = errors_by_kind(recordings, texts)
        counts = {kind: errors[kind].errors for kind in KINDS if kind in errors}
        name = ", ".join(f"{name} {value:g}" for name, value in setting.items()) or "default"
        rows.append([name, *(str(counts.get(kind, "-")) for kind in KINDS)])
        recorder.write("setting", {"setting": setting, "errors": counts})
        print(format_table(["setting", *KINDS], rows), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
