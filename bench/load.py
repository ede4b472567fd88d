"""Many clients at once with short, middle and long recordings, each asking again when answered.

For each number of clients: audio seconds per second, latency by class, refusals, errors, and the
memory of all processes of the server. Prints tables and appends JSON lines to `bench/results/`.
"""

import argparse
import random
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

from auricle.process_tree import tree_pss_bytes
from latencies import quantile, quantiles_ms
from manifest import Recording, find_manifest, read_manifest
from memory import MemoryWatch
from records import Recorder, describe_run, warn_if_busy
from server_process import RunningServer, connect, running_server
from systems import fold_events, sse_payloads
from table import format_table

CLASSES = {"short": (2.0, 5.0, 16), "middle": (10.0, 35.0, 3), "long": (100.0, 400.0, 1)}
"""Shortest and longest length in seconds, and how often in 20 requests."""
PATH = "/v1/audio/transcriptions"
MAX_PAUSE_S = 5.0
"""What a client waits at most before it asks again after a refusal."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request and what became of it. Times are seconds; `status` 0 is a broken connection."""

    kind: str
    audio_s: float
    status: int
    wall_s: float
    first_s: float | None


@dataclass
class Level:
    """What so many clients did. `span_s` is from the first request to the last answer."""

    n_clients: int
    requests: list[Request] = field(default_factory=list)
    span_s: float = 0.0
    peak_bytes: int = 0
    idle_bytes: int = 0

    def of(self, kind: str) -> list[Request]:
        """The answered requests of a class."""
        return [r for r in self.requests if r.kind == kind and r.status == httpx.codes.OK]

    @property
    def audio_s_per_s(self) -> float:
        """Throughput in seconds of audio per second."""
        return sum(r.audio_s for r in self.requests if r.status == httpx.codes.OK) / self.span_s


def main() -> int:
    """Run and report; the exit code is 1 if a request failed other than by a refusal."""
    options = parse_arguments()
    recordings = by_class(read_manifest(find_manifest(options.manifest)))
    recorder = Recorder("load")
    warn_if_busy()
    with running_server(options.server) as server:
        recorder.write("run", describe_run(None))
        warm_up(server, recordings)
        levels = []
        for n_clients in options.clients:
            levels.append(run_level(server, recordings, n_clients, options.seconds))
            recorder.write("level", summary(levels[-1]))
            for request in levels[-1].requests:
                recorder.write("request", {"clients": n_clients, **asdict(request)})
    print_tables(levels)
    failed = [r for level in levels for r in level.requests if r.status not in {200, 429}]
    print(f"\nresults: {recorder.path.name}; failed requests: {len(failed)}")
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", help="manifest.jsonl or its folder")
    parser.add_argument("--server", metavar="URL", help="a running server; default: start one")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=120, help="of each level")
    return parser.parse_args()


def by_class(recordings: Sequence[Recording]) -> dict[str, list[Recording]]:
    spoken = [r for r in recordings if r.reference and r.kind not in {"codec", "hostile"}]
    found = {
        kind: [r for r in spoken if shortest <= r.duration_s <= longest]
        for kind, (shortest, longest, _) in CLASSES.items()
    }
    if not all(found.values()):
        raise SystemExit("the manifest has no recordings of some class")
    return found


def warm_up(server: RunningServer, recordings: dict[str, list[Recording]]) -> None:
    with connect(server) as client:
        for _ in range(3):
            ask(client, "short", recordings["short"][0])


def run_level(
    server: RunningServer,
    recordings: dict[str, list[Recording]],
    n_clients: int,
    seconds: float,
) -> Level:
    level = Level(n_clients)
    lock = threading.Lock()
    started_s = time.monotonic()

    def work(number: int) -> None:
        rng = random.Random(1000 * n_clients + number)
        kinds = [kind for kind, (_, _, weight) in CLASSES.items() for _ in range(weight)]
        with connect(server) as client:
            while time.monotonic() < started_s + seconds:
                kind = rng.choice(kinds)
                request, pause_s = ask(client, kind, rng.choice(recordings[kind]))
                with lock:
                    level.requests.append(request)
                time.sleep(pause_s)

    if server.pid is None:
        run_clients(work, n_clients)
    else:
        level.idle_bytes = tree_pss_bytes(server.pid) or 0
        with MemoryWatch(server.pid) as memory:
            run_clients(work, n_clients)
        level.peak_bytes = memory.peak_bytes
    level.span_s = time.monotonic() - started_s
    return level


def run_clients(work: Any, n_clients: int) -> None:
    with ThreadPoolExecutor(n_clients) as pool:
        for done in [pool.submit(work, number) for number in range(n_clients)]:
            done.result()


def ask(client: httpx.Client, kind: str, recording: Recording) -> tuple[Request, float]:
    """One streamed transcription, and how long to wait before the next."""
    started_s = time.perf_counter()
    first_at_s = None
    pause_s = 0.0
    status = 0
    try:
        with (
            recording.path.open("rb") as file,
            client.stream(
                "POST",
                PATH,
                data={"model": "voxtral-mini-latest", "stream": "true"},
                files={"file": file},
            ) as response,
        ):
            status = response.status_code
            if status == httpx.codes.OK:
                status = 0  # until it has ended properly
                _, _, first_at_s = fold_events(sse_payloads(response.iter_lines()))
                status = httpx.codes.OK
            else:
                response.read()
                pause_s = min(MAX_PAUSE_S, float(response.headers.get("retry-after", 1)))
    except Exception as error:  # noqa: BLE001 (a failed request is a result)
        print(f"{kind} request failed: {error!r}", file=sys.stderr)
    wall_s = time.perf_counter() - started_s
    first_s = None if first_at_s is None else first_at_s - started_s
    return Request(kind, recording.duration_s, int(status), wall_s, first_s), pause_s


def summary(level: Level) -> dict[str, Any]:
    return {
        "clients": level.n_clients,
        "span_s": round(level.span_s, 1),
        "audio_s_per_s": round(level.audio_s_per_s, 2),
        "requests": len(level.requests),
        "refused": sum(r.status == 429 for r in level.requests),
        "failed": sum(r.status not in {200, 429} for r in level.requests),
        "idle_pss_mib": level.idle_bytes >> 20,
        "peak_pss_mib": level.peak_bytes >> 20,
        "latency_s": {
            kind: {
                f"p{round(share * 100)}": round(
                    quantile([r.wall_s for r in level.of(kind)], share), 3
                )
                for share in (0.5, 0.95, 0.99)
            }
            for kind in CLASSES
            if level.of(kind)
        },
    }


def print_tables(levels: Sequence[Level]) -> None:
    header = ["clients", "audio s / s", "answered", "refused", "failed", "PSS before, peak, MiB"]
    rows = []
    for level in levels:
        s = summary(level)
        answered = s["requests"] - s["refused"] - s["failed"]
        cells = [s["clients"], s["audio_s_per_s"], answered, s["refused"], s["failed"]]
        rows.append([*map(str, cells), f"{s['idle_pss_mib']}, {s['peak_pss_mib']}"])
    print(f"\n{format_table(header, rows)}")
    header = ["class, clients", "answers", "p50 ms", "p95 ms", "p99 ms", "first text p50 ms"]
    rows = []
    for kind in CLASSES:
        for level in levels:
            walls = [r.wall_s for r in level.of(kind)]
            firsts = [r.first_s for r in level.of(kind) if r.first_s is not None]
            times = [*quantiles_ms(walls, (0.5, 0.95, 0.99)), *quantiles_ms(firsts, (0.5,))]
            rows.append([f"{kind}, {level.n_clients}", str(len(walls)), *times])
    print(f"\n{format_table(header, rows)}")


if __name__ == "__main__":
    sys.exit(main())
