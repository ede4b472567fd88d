"""The speed table: Auricle through HTTP beside its peers, every row in one interleaved run.

    python bench/speed.py [--rows long,clients,…] [--rounds N] [--limit N]
        [--setting "AURICLE_ENGINE=openvino AURICLE_BEAM_SIZE=1"]… [--whisper-cpp PROGRAM]

Each `--setting` starts a server of its own with these variables; all take part in every row.
Prints a Markdown table and appends JSON lines to `bench/results/`.
"""

import argparse
import contextlib
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from auricle.process_tree import tree_cpu_s
from auricle.settings import load
from cpu_time import machine_cpu_s
from manifest import find_manifest, read_manifest
from normalizers import load_normalizers
from peers.cast import Peers
from records import Recorder, describe_run, n_cores, warn_if_busy
from rows import ROWS
from server_process import connect, running_server
from speech import find_speech
from stage import Auricle, Stage
from table import percent
from verdict import Verdict, format_verdicts

FALLBACK = "engine.fallback"
"""What a server logs that cannot use the configured engine on this processor."""
BUSY_SHARE = 0.05
"""Of the machine, taken by others during a row: above it the figures come with a warning."""


def main() -> int:
    """Run and report; the exit code is 1 if a system failed on a recording."""
    options = parse_arguments()
    warn_if_busy()
    with contextlib.ExitStack() as stack:
        stage = set_up(options, stack)
        verdicts: list[Verdict] = []
        for name in options.rows:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            with others_watched(name, stage.recorder):
                measured = ROWS[name](stage)
            for verdict in measured:
                stage.recorder.write("verdict", verdict.as_json())
            verdicts += measured
    print(f"\n{format_verdicts(verdicts)}\n\nresults: {stage.recorder.path.name}")
    return 1 if any("FAILED" in cell for v in verdicts for cell in v.cells()) else 0


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    settings, _ = load()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", help="manifest.jsonl or its folder")
    parser.add_argument(
        "--rows", type=parse_rows, default=list(ROWS), help=f"of {','.join(ROWS)}; default: all"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, metavar="N", help="the N longest recordings")
    parser.add_argument(
        "--setting", type=parse_setting, action="append", help="NAME=VALUE…; default: defaults"
    )
    parser.add_argument("--whisper-cpp", type=Path, metavar="PROGRAM", help="its whisper-server")
    parser.add_argument("--model", default="voxtral-mini-latest", help="model id to ask for")
    parser.add_argument(
        "--weights", type=Path, default=settings.cache_dir / "models" / settings.model
    )
    parser.add_argument("--threads", type=int, default=n_cores(), help="of the peers")
    return parser.parse_args(arguments)


def parse_rows(text: str) -> list[str]:
    """Names separated by commas, in the order of the table."""
    asked = text.split(",")
    unknown = sorted(set(asked) - set(ROWS))
    if unknown:
        msg = f"unknown: {', '.join(unknown)}; there are {', '.join(ROWS)}"
        raise argparse.ArgumentTypeError(msg)
    return [name for name in ROWS if name in asked]


def parse_setting(text: str) -> dict[str, str]:
    """`AURICLE_X=1 AURICLE_Y=2` as variables."""
    parts = [part.partition("=") for part in shlex.split(text)]
    if not all(name.startswith("AURICLE_") and equals for name, equals, _ in parts):
        msg = f"{text!r} is not AURICLE_NAME=VALUE …"
        raise argparse.ArgumentTypeError(msg)
    return {name: value for name, _, value in parts}


def set_up(options: argparse.Namespace, stack: contextlib.ExitStack) -> Stage:
    """Servers of ours are started at once, peers when a row asks for them."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="auricle-bench-")))
    recordings = read_manifest(find_manifest(options.manifest))
    speech = find_speech(recordings, folder, options.limit)
    recorder = Recorder("speed")
    run = describe_run(options.weights)
    settings: list[Mapping[str, str]] = options.setting or [{}]
    recorder.write("run", {**run, "auricles": settings})
    auricles = [start_auricle(options.model, setting, stack) for setting in settings]
    for auricle in auricles:
        for recording in speech.near(0.0, 4):
            auricle.system().transcribe(recording)
    peers = Peers(
        stack,
        speech,
        options.weights,
        threads=options.threads,
        whisper_cpp=options.whisper_cpp,
    )
    return Stage(auricles, peers, speech, options.rounds, recorder, load_normalizers())


def start_auricle(model: str, setting: Mapping[str, str], stack: contextlib.ExitStack) -> Auricle:
    server = stack.enter_context(running_server(None, setting))
    client = stack.enter_context(connect(server))
    name = name_of(setting)
    if server.log and FALLBACK in server.log.read_text(encoding="utf-8"):
        print(f"warning: {name} does not run the engine it was asked for", file=sys.stderr)
        name += " (FELL BACK)"
    return Auricle(name, setting, server, client, model)


def name_of(setting: Mapping[str, str]) -> str:
    """`Auricle`, and what is not default about it."""
    shown = [f"{k.removeprefix('AURICLE_').lower()}={v}" for k, v in setting.items()]
    return " ".join(["Auricle", *shown])


@contextlib.contextmanager
def others_watched(row: str, recorder: Recorder) -> Iterator[None]:
    """Say and record what share of the machine others took while a row was measured."""
    started_s, before = perf_counter(), (machine_cpu_s(), tree_cpu_s(os.getpid()))
    yield
    wall_s, after = perf_counter() - started_s, (machine_cpu_s(), tree_cpu_s(os.getpid()))
    machine_s, ours_s = (
        (end or 0.0) - (start or 0.0) for end, start in zip(after, before, strict=True)
    )
    share = max(0.0, machine_s - ours_s) / (wall_s * n_cores())
    recorder.write("row", {"row": row, "wall_s": round(wall_s, 1), "others": round(share, 3)})
    if share > BUSY_SHARE:
        print(f"warning: others took {percent(share)} of the machine in {row}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
