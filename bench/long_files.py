"""Memory of all processes of the server over recordings of an hour and of three.

Each is transcribed alone, as a stream; the peak must not depend on the length. Prints a table and
appends JSON lines to `bench/results/`.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from auricle.process_tree import tree_pss_bytes
from load import PATH
from manifest import find_manifest, read_manifest
from memory import MemoryWatch
from records import Recorder, describe_run
from server_process import RunningServer, connect, running_server
from speech import hours_of_speech
from systems import fold_events, sse_payloads
from table import format_table

KINDS = ("longform", "conversation", "read")
MAX_PEAK_BYTES = 1500 << 20
MAX_GROWTH = 0.10


def main() -> int:
    """Run and report; the exit code is 1 if the memory is over a bound."""
    options = parse_arguments()
    recordings = [
        r
        for r in read_manifest(find_manifest(options.manifest))
        if r.kind in KINDS and r.language == "en" and r.reference
    ]
    recorder = Recorder("long-files")
    measured: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, running_server(None) as server:
        recorder.write("run", describe_run(None))
        for hours in options.hours:
            path = hours_of_speech(recordings, hours * 3600 - 1, Path(folder))[0].path
            measured.append({"hours": hours, **transcribe(server, path)})
            recorder.write("measurement", measured[-1])
    print(format_table(list(measured[0]), [list(map(str, each.values())) for each in measured]))
    print(f"\nresults: {recorder.path.name}")
    peaks = [each["peak_pss_mib"] for each in measured]
    is_over = max(peaks) > MAX_PEAK_BYTES >> 20 or max(peaks) > min(peaks) * (1 + MAX_GROWTH)
    print("over a bound" if is_over else "within the bounds")
    return 1 if is_over else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", help="manifest.jsonl or its folder")
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 3])
    return parser.parse_args()


def transcribe(server: RunningServer, path: Path) -> dict[str, Any]:
    """Times in seconds, memory in MiB."""
    assert server.pid is not None
    before = tree_pss_bytes(server.pid) or 0
    started_s = time.monotonic()
    form = {"model": "voxtral-mini-latest", "stream": "true"}
    with (
        MemoryWatch(server.pid, period_s=5.0) as memory,
        connect(server) as client,
        path.open("rb") as file,
        client.stream("POST", PATH, data=form, files={"file": file}) as response,
    ):
        response.raise_for_status()
        text, _, _ = fold_events(sse_payloads(response.iter_lines()))
    return {
        "wall_s": round(time.monotonic() - started_s),
        "words": len(text.split()),
        "idle_pss_mib": before >> 20,
        "peak_pss_mib": memory.peak_bytes >> 20,
    }


if __name__ == "__main__":
    sys.exit(main())
