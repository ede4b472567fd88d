"""Speed of Auricle through HTTP beside the faster-whisper library, in interleaved rounds.

Long recordings: audio seconds per second, time to the first text, processor time, and the error
rate beside them. One short utterance: latency. Prints tables and appends JSON lines to
`bench/results/`.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm

from auricle.scoring.text import Normalizer, scored_tokens
from auricle.scoring.wer import ErrorCounts, count_errors
from auricle.settings import load
from cpu_time import machine_cpu_s, own_cpu_s, tree_cpu_s
from manifest import Recording, find_manifest, read_manifest
from normalizers import load_normalizers
from records import Recorder, describe_run, n_cores, warn_if_busy
from server_process import RunningServer, connect, running_server
from systems import Answer, AuricleServer, FasterWhisper, System
from table import format_table, percent

LONG_KINDS = ("longform", "conversation")
SHORT_S = 5.0
"""The read English utterance nearest to this length measures latency."""
BUSY_SHARE = 0.05
"""Of the machine, taken by others during a run: above it the figures come with a warning."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One transcription. `others` is the share of the machine that others took, 0..1."""

    system: str
    recording: Recording
    round: int
    answer: Answer
    counts: ErrorCounts
    others: float | None


def main() -> int:
    """Run and report; the exit code is 1 if a system failed on a recording."""
    options = parse_arguments()
    recordings = read_manifest(find_manifest(options.manifest))
    long = [r for r in recordings if r.kind in LONG_KINDS and r.reference][: options.limit]
    short = find_short(recordings)
    normalizers = load_normalizers()
    recorder = Recorder("speed")
    warn_if_busy()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_server(options.server))
        systems = start_systems(options, server, stack)
        recorder.write("run", describe_run(options.weights))
        for system in systems:
            system.transcribe(short)
        runs = Runs(systems, normalizers, recorder, server_pid=server.pid)
        with tqdm(total=options.rounds + options.short_rounds, disable=None) as bar:
            on_short = runs.measure([short], options.short_rounds, bar.update)
            on_long = runs.measure(long, options.rounds, bar.update)
    report(on_long, on_short, recorder)
    print(f"\nresults: {recorder.path.name}")
    return report_troubles([*on_long, *on_short])


def parse_arguments() -> argparse.Namespace:
    settings, _ = load()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", help="manifest.jsonl or its folder")
    parser.add_argument("--server", metavar="URL", help="a running server; default: start one")
    parser.add_argument("--model", default="voxtral-mini-latest", help="model id to ask for")
    parser.add_argument("--limit", type=int, metavar="N", help="first N long recordings")
    parser.add_argument("--rounds", type=int, default=3, help="over the long recordings")
    parser.add_argument("--short-rounds", type=int, default=9, help="over the short utterance")
    parser.add_argument("--no-peer", action="store_true", help="Auricle alone")
    parser.add_argument(
        "--weights", type=Path, default=settings.cache_dir / "models" / settings.model
    )
    parser.add_argument("--threads", type=int, default=n_cores(), help="of the peer")
    return parser.parse_args()


def find_short(recordings: Sequence[Recording]) -> Recording:
    """The utterance for latency."""
    read = [r for r in recordings if r.kind == "read" and r.language == "en"]
    return min(read, key=lambda r: abs(r.duration_s - SHORT_S))


def start_systems(
    options: argparse.Namespace, server: RunningServer, stack: contextlib.ExitStack
) -> list[System]:
    client = stack.enter_context(connect(server))
    ours = AuricleServer(client, options.model, stream=True, pid=server.pid)
    if options.no_peer:
        return [ours]
    model = FasterWhisper.load(options.weights, threads=options.threads)
    return [
        ours,
        FasterWhisper(model, name="faster-whisper, beam 5"),
        FasterWhisper(model, name="faster-whisper, beam 1", beam_size=1),
        FasterWhisper(model, name="faster-whisper, batched 8", batch_size=8),
    ]


class Runs:
    """Measures systems in turn and records each measurement."""

    def __init__(
        self,
        systems: Sequence[System],
        normalizers: Mapping[str, Normalizer],
        recorder: Recorder,
        *,
        server_pid: int | None = None,
    ) -> None:
        self._systems = systems
        self._normalizers = normalizers
        self._recorder = recorder
        self._server_pid = server_pid

    def measure(
        self, recordings: Sequence[Recording], rounds: int, finished: Callable[[int], object]
    ) -> list[Measurement]:
        """All systems on one recording before the next; each round begins with another system."""
        measured = []
        for n in range(rounds):
            for recording in recordings:
                first = n % len(self._systems)
                for system in [*self._systems[first:], *self._systems[:first]]:
                    measured.append(self._measure_one(system, recording, n))
                    self._recorder.write("measurement", as_json(measured[-1]))
            finished(1)
        return measured

    def _measure_one(self, system: System, recording: Recording, n: int) -> Measurement:
        machine_before_s, ours_before_s = machine_cpu_s(), self._cpu_s()
        answer = system.transcribe(recording)
        machine_after_s, ours_after_s = machine_cpu_s(), self._cpu_s()
        others = None
        if machine_before_s is not None and machine_after_s is not None and self._server_pid:
            others_s = (machine_after_s - machine_before_s) - (ours_after_s - ours_before_s)
            others = max(0.0, others_s) / max(answer.wall_s * n_cores(), 1e-3)
        reference = scored_tokens(recording.reference or "", recording.language, self._normalizers)
        heard = scored_tokens(answer.text, recording.language, self._normalizers)
        return Measurement(
            system.name, recording, n, answer, count_errors(reference, heard), others
        )

    def _cpu_s(self) -> float:
        server_s = tree_cpu_s(self._server_pid) if self._server_pid else None
        return own_cpu_s() + (server_s or 0.0)


Table = tuple[list[str], list[list[str]]]


def report(
    on_long: Sequence[Measurement], on_short: Sequence[Measurement], recorder: Recorder
) -> None:
    """Print and record the tables: median over the rounds, smallest and largest behind it."""
    tables: dict[str, Table] = {}
    if on_long:
        n_recordings = len({m.recording.id for m in on_long})
        tables[f"{n_recordings} long recordings, one at a time"] = speeds(on_long)
        tables["Time to the first text, and its part of the total"] = first_texts(on_long)
    if on_short:
        tables[f"One utterance of {on_short[0].recording.duration_s:.1f} s"] = latencies(on_short)
    for title, (header, rows) in tables.items():
        print(f"\n{title}\n{format_table(header, rows)}")
        recorder.write("table", {"title": title, "header": header, "rows": rows})


def speeds(measured: Sequence[Measurement]) -> Table:
    """Audio seconds per second and per processor second, with the error rate."""
    header = ["system", "audio s / s", "audio s / CPU s", "WER"]
    rows = []
    for system, by_round in grouped(measured).items():
        per_s = [audio_s(ms) / sum(m.answer.wall_s for m in ms) for ms in by_round]
        cpu_s = [sum(m.answer.cpu_s or 0.0 for m in ms) for ms in by_round]
        per_cpu_s = [audio_s(ms) / cpu for ms, cpu in zip(by_round, cpu_s, strict=True) if cpu]
        counts = sum((m.counts for ms in by_round for m in ms), ErrorCounts())
        rows.append([system, spread(per_s), spread(per_cpu_s), percent(counts.rate)])
    return header, rows


def first_texts(measured: Sequence[Measurement]) -> Table:
    """Seconds to the first text of each recording, and what part of the total time that is."""
    recordings = {m.recording.id: m.recording for m in measured}
    systems = list(grouped(measured))
    longest_first = sorted(recordings.values(), key=lambda r: -r.duration_s)
    rows = []
    for recording in longest_first:
        row = [recording.id, f"{recording.duration_s:.0f} s"]
        for system in systems:
            answers = [
                m.answer for m in measured if m.system == system and m.recording == recording
            ]
            firsts = [(a.first_s, a.first_s / a.wall_s) for a in answers if a.first_s is not None]
            row.append(first_cell(firsts))
        rows.append(row)
    return ["recording", "length", *systems], rows


def first_cell(firsts: Sequence[tuple[float, float]]) -> str:
    if not firsts:
        return "none"
    return f"{median(s for s, _ in firsts):.2f} s ({percent(median(p for _, p in firsts))})"


def latencies(measured: Sequence[Measurement]) -> Table:
    """Milliseconds from request to whole answer."""
    rows = []
    for system, by_round in grouped(measured).items():
        answers = [m.answer for ms in by_round for m in ms]
        wall_ms = spread([a.wall_s * 1000 for a in answers], digits=0)
        cpu_ms = spread([a.cpu_s * 1000 for a in answers if a.cpu_s is not None], digits=0)
        rows.append([system, wall_ms, cpu_ms])
    return ["system", "ms", "CPU ms"], rows


def grouped(measured: Sequence[Measurement]) -> dict[str, list[list[Measurement]]]:
    """By system in order of appearance, then by round; failed ones are left out."""
    groups: dict[str, dict[int, list[Measurement]]] = {}
    for m in sorted((m for m in measured if not m.answer.error), key=lambda m: m.round):
        groups.setdefault(m.system, {}).setdefault(m.round, []).append(m)
    return {system: list(rounds.values()) for system, rounds in groups.items()}


def audio_s(measured: Sequence[Measurement]) -> float:
    return sum(m.recording.duration_s for m in measured)


def spread(values: Sequence[float], *, digits: int = 1) -> str:
    """Median, and smallest to largest."""
    if not values:
        return "unknown"
    low, middle, high = (f"{v:.{digits}f}" for v in (min(values), median(values), max(values)))
    return f"{middle} [{low}-{high}]"


def report_troubles(measured: Sequence[Measurement]) -> int:
    """Say what failed and whether others used the machine; 1 if anything failed."""
    shares = [m.others for m in measured if m.others is not None]
    if shares and median(shares) > BUSY_SHARE:
        print(f"\nwarning: others took {percent(median(shares))} of the machine (median)")
    failed = [m for m in measured if m.answer.error]
    for m in failed:
        print(f"failed: {m.system} on {m.recording.id}: {m.answer.error}")
    return 1 if failed else 0


def as_json(measurement: Measurement) -> dict[str, Any]:
    answer = measurement.answer.as_json()
    del answer["text"]
    others = measurement.others
    return {
        "system": measurement.system,
        "id": measurement.recording.id,
        "duration_s": measurement.recording.duration_s,
        "round": measurement.round,
        **answer,
        "words": measurement.counts.n_reference,
        "errors": measurement.counts.errors,
        "others_share": None if others is None else round(others, 3),
    }


if __name__ == "__main__":
    sys.exit(main())
