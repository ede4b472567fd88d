"""What others feel while the server is under pressure: a clip's latency, and the health probes.

Phases: nothing else; one long recording a core; many more long recordings than decoders; one a
core and uploads of 500 MB. In each a clip of about three seconds is posted again and again, and
both probes are asked every 50 ms. Prints a table and appends JSON lines to `bench/results/`.
"""

import argparse
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from latencies import quantile
from load import PATH
from manifest import Recording, find_manifest, read_manifest
from records import Recorder, describe_run, n_cores, warn_if_busy
from server_process import RunningServer, connect, running_server
from speech import hours_of_speech
from table import format_table

CLIP_S = 2.9
"""The clip of 3.0 s is one that the model takes for Arabic, and so decodes five times."""
LONG_S = 1200.0
UPLOAD_BYTES = 500 * 1000 * 1000
PROBES = ("/health/live", "/health/ready")
PROBE_PERIOD_S = 0.05
SETTLING_S = 15.0
"""From the start of the pressure to the first clip."""
GOALS = {"clip p95": 3.0, "probe p99": 0.100}


@dataclass
class Phase:
    """What was measured in one phase, in seconds."""

    name: str
    clips: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    uploads: list[float] = field(default_factory=list)


class Pressure:
    """Does things to a server, over and over, until it is left."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._clients: list[httpx.Client] = []

    def keep(self, work: Callable[[httpx.Client], None]) -> None:
        """Repeat `work` in a thread of its own."""
        client = connect(self._server)
        self._clients.append(client)

        def run() -> None:
            while not self._over.is_set():
                try:
                    work(client)
                except (httpx.HTTPError, RuntimeError):  # our own end closes the client
                    if not self._over.wait(0.5):
                        continue

        self._threads.append(threading.Thread(target=run, daemon=True))
        self._threads[-1].start()

    def end(self) -> None:
        """Break off what is going on."""
        self._over.set()
        for client in self._clients:
            client.close()
        for thread in self._threads:
            thread.join(30)


@contextmanager
def pressure_on(server: RunningServer) -> Iterator[Pressure]:
    pressure = Pressure(server)
    try:
        yield pressure
    finally:
        pressure.end()


def main() -> int:
    """Run and report; the exit code is 1 if a goal is missed."""
    options = parse_arguments()
    recordings = read_manifest(find_manifest(options.manifest))
    clip = clip_of(recordings)
    recorder = Recorder("pressure")
    warn_if_busy()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_server(options.server))
        recorder.write("run", describe_run(None))
        phases: list[Phase] = []
        for phase in run_phases(server, recordings, clip, folder, options):
            phases.append(phase)
            recorder.write("phase", summary(phase, phases[0]))
            print(summary(phase, phases[0]), file=sys.stderr)
    found = [summary(phase, phases[0]) for phase in phases]
    print(f"\n{clip.id}, {clip.duration_s:.1f} s; times in ms")
    print(format_table(list(found[0]), [list(map(str, each.values())) for each in found]))
    print(f"\nresults: {recorder.path.name}")
    return report_missed(phases)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", help="manifest.jsonl or its folder")
    parser.add_argument("--server", metavar="URL", help="a running server; default: start one")
    parser.add_argument("--clips", type=int, default=40, help="posted in each phase")
    parser.add_argument(
        "--many", type=int, default=4 * n_cores() + 4, help="long recordings at once"
    )
    return parser.parse_args()


def clip_of(recordings: list[Recording]) -> Recording:
    read = [r for r in recordings if r.kind in {"read", "command"} and r.language == "en"]
    return min(read, key=lambda r: abs(r.duration_s - CLIP_S))


def run_phases(
    server: RunningServer,
    recordings: list[Recording],
    clip: Recording,
    folder: Path,
    options: argparse.Namespace,
) -> Iterator[Phase]:
    spoken = [r for r in recordings if r.kind in {"longform", "read"} and r.language == "en"]
    long = hours_of_speech(spoken, LONG_S, folder)[0].path
    large = folder / "large.wav"
    write_silence(UPLOAD_BYTES - 44, large)
    with connect(server) as client:
        for _ in range(3):
            post(client, clip.path)
    yield measure(server, "nothing else", clip, options.clips, 0, long, None)
    yield measure(server, "one long a core", clip, options.clips, n_cores(), long, None)
    yield measure(server, f"{options.many} long", clip, options.clips, options.many, long, None)
    yield measure(server, "and 500 MB uploads", clip, options.clips, n_cores(), long, large)


def write_silence(n_bytes: int, target: Path) -> None:
    """Write a stereo WAV file at 48 kHz with so many bytes of samples."""
    second = bytes(48_000 * 2 * 2)
    with wave.open(str(target), "wb") as output:
        output.setnchannels(2)
        output.setsampwidth(2)
        output.setframerate(48_000)
        for at in range(0, n_bytes, len(second)):
            output.writeframesraw(second[: n_bytes - at])


def measure(
    server: RunningServer,
    name: str,
    clip: Recording,
    n_clips: int,
    n_long: int,
    long: Path,
    large: Path | None,
) -> Phase:
    phase = Phase(name)
    with pressure_on(server) as pressure:
        for _ in range(n_long):
            pressure.keep(lambda client: post(client, long))
        if large is not None:
            pressure.keep(lambda client: timed(phase.uploads, lambda: post(client, large)))
        if n_long:
            time.sleep(SETTLING_S)
        for path in PROBES:
            pressure.keep(partial(probe, path, phase.probes))
        with connect(server) as client:
            for _ in range(n_clips):
                timed(phase.clips, lambda: post(client, clip.path))
    time.sleep(5)  # for the server to drop what was broken off
    return phase


def post(client: httpx.Client, path: Path) -> None:
    with path.open("rb") as file:
        data = {"model": "voxtral-mini-latest"}
        client.post(PATH, data=data, files={"file": file}).raise_for_status()


def probe(path: str, found: list[float], client: httpx.Client) -> None:
    timed(found, lambda: client.get(path).raise_for_status())
    time.sleep(PROBE_PERIOD_S)


def timed(found: list[float], work: Callable[[], object]) -> None:
    started_s = time.perf_counter()
    work()
    found.append(time.perf_counter() - started_s)


def summary(phase: Phase, idle: Phase) -> dict[str, Any]:
    """Milliseconds, but for the counts and the ratio."""
    p95 = quantile(phase.clips, 0.95)
    return {
        "phase": phase.name,
        "clips": len(phase.clips),
        "clip p50": round(quantile(phase.clips, 0.5) * 1000),
        "clip p95": round(p95 * 1000),
        "p95 / idle p50": round(p95 / quantile(idle.clips, 0.5), 2),
        "probes": len(phase.probes),
        "probe p50": round(quantile(phase.probes, 0.5) * 1000, 1),
        "probe p99": round(quantile(phase.probes, 0.99) * 1000, 1),
        "uploads": len(phase.uploads),
    }


def report_missed(phases: list[Phase]) -> int:
    missed = []
    for phase in phases[1:]:
        found = summary(phase, phases[0])
        if found["p95 / idle p50"] > GOALS["clip p95"]:
            missed.append(f"{phase.name}: a clip's p95 is {found['p95 / idle p50']} x idle")
        if found["probe p99"] > GOALS["probe p99"] * 1000:
            missed.append(f"{phase.name}: the probes' p99 is {found['probe p99']} ms")
    print("\n".join(missed) or "all goals met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
