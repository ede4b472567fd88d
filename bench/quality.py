"""Error rates of Auricle, through its server, beside the faster-whisper library.

Same weights, same machine, same run, recording by recording: what a user gets who names no
language. Noisy speech and joins of two languages are made of the manifest's recordings. Prints
tables and appends JSON lines to `bench/results/`.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

import sets
from auricle.scoring.text import Normalizer
from auricle.scoring.wer import ErrorCounts
from auricle.settings import load
from language_joins import KIND as JOINED_KIND
from language_joins import Join, join_languages, score_joins
from manifest import Recording, find_manifest, read_manifest
from noisy_speech import EVERY_OTHER_LANGUAGE, noisy_speech
from noisy_speech import KINDS as NOISY_KINDS
from normalizers import load_normalizers
from records import Recorder, describe_run, n_cores, warn_if_busy
from server_process import connect, running_server
from systems import Answer, AuricleServer, FasterWhisper, StoredAnswers, System
from table import format_table, percent

OURS, PEER = "auricle", "faster-whisper"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A recording, each system's answer, and the errors if there is a transcript."""

    recording: Recording
    answers: Mapping[str, Answer]
    scored: sets.Scored | None


def main() -> int:
    """Run and report; the exit code is 1 if a system failed on a recording."""
    options = parse_arguments()
    given = read_manifest(find_manifest(options.manifest))
    normalizers = load_normalizers()
    recorder = Recorder("quality")
    warn_if_busy()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        joins = join_languages(given, folder) if is_wanted(JOINED_KIND, options) else []
        recordings = select([*given, *made_of(given, joins, folder, options)], options)
        systems = start_systems(options, stack)
        recorder.write("run", describe_run(None if options.no_peer else options.weights))
        outcomes = transcribe_all(recordings, systems, normalizers, recorder)
    n_failed = report(outcomes, recorder)
    report_joins(joins, outcomes, normalizers, recorder)
    print(f"\nresults: {recorder.path.name}")
    return 1 if n_failed else 0


def parse_arguments() -> argparse.Namespace:
    settings, _ = load()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", help="manifest.jsonl or its folder")
    parser.add_argument("--server", metavar="URL", help="a running server; default: start one")
    parser.add_argument("--model", default="voxtral-mini-latest", help="model id to ask for")
    parser.add_argument("--only", metavar="KIND", action="append", choices=sets.KINDS)
    parser.add_argument("--limit", type=int, metavar="N", help="first N recordings of each kind")
    parser.add_argument(
        "--noisy-every",
        type=int,
        default=EVERY_OTHER_LANGUAGE,
        metavar="N",
        help="of the recordings in other languages than English, every which one gets noise",
    )
    parser.add_argument("--no-peer", action="store_true", help="Auricle alone")
    parser.add_argument("--stored-peer", type=Path, metavar="JSONL", help="a former run's answers")
    parser.add_argument(
        "--weights", type=Path, default=settings.cache_dir / "models" / settings.model
    )
    parser.add_argument("--threads", type=int, default=n_cores(), help="of the peer")
    return parser.parse_args()


def is_wanted(kind: str, options: argparse.Namespace) -> bool:
    return not options.only or kind in options.only


def made_of(
    given: Sequence[Recording], joins: Sequence[Join], folder: Path, options: argparse.Namespace
) -> list[Recording]:
    """The recordings that are not in the manifest, where they are wanted."""
    is_noise_wanted = any(is_wanted(kind, options) for kind in NOISY_KINDS)
    return [
        *(noisy_speech(given, folder, options.noisy_every) if is_noise_wanted else ()),
        *(join.recording for join in joins),
    ]


def select(recordings: Sequence[Recording], options: argparse.Namespace) -> list[Recording]:
    """The recordings of the wanted kinds, at most `--limit` of each."""
    chosen: list[Recording] = []
    for kind in options.only or sets.KINDS:
        chosen += [r for r in recordings if r.kind == kind][: options.limit]
    return chosen


def start_systems(options: argparse.Namespace, stack: contextlib.ExitStack) -> dict[str, System]:
    """Auricle first, then its peer. The server starts first: it may fetch the weights."""
    server = stack.enter_context(running_server(options.server))
    client = stack.enter_context(connect(server))
    systems: dict[str, System] = {OURS: AuricleServer(client, options.model, pid=server.pid)}
    if options.stored_peer:
        systems[PEER] = StoredAnswers(options.stored_peer, system=PEER)
    elif not options.no_peer:
        model = FasterWhisper.load(options.weights, threads=options.threads)
        systems[PEER] = FasterWhisper(model, name=PEER, vad_filter=True)
    return systems


def transcribe_all(
    recordings: Sequence[Recording],
    systems: Mapping[str, System],
    normalizers: Mapping[str, Normalizer],
    recorder: Recorder,
) -> list[Outcome]:
    """Every recording by every system in turn, recorded as soon as it is scored."""
    outcomes: list[Outcome] = []
    with tqdm(total=sum(r.duration_s for r in recordings), unit="s", disable=None) as bar:
        for recording in recordings:
            bar.set_description(recording.kind)
            answers = {name: system.transcribe(recording) for name, system in systems.items()}
            has_words = recording.kind in sets.TRANSCRIBED_KINDS and recording.reference
            scored = sets.score(recording, answers, normalizers) if has_words else None
            outcomes.append(Outcome(recording, answers, scored))
            recorder.write("item", item_as_json(outcomes[-1]))
            bar.update(recording.duration_s)
    return outcomes


def report(outcomes: Sequence[Outcome], recorder: Recorder) -> int:
    """Print and record the summaries; returns how many answers failed."""
    report_rates([outcome.scored for outcome in outcomes if outcome.scored], recorder)
    report_languages([o for o in outcomes if o.recording.kind in sets.IDENTIFIED_KINDS], recorder)
    report_silence([o for o in outcomes if o.recording.kind == sets.SILENT_KIND], recorder)
    return report_failures(outcomes)


def report_rates(scored: Sequence[sets.Scored], recorder: Recorder) -> None:
    if not scored:
        return
    rows = sets.score_sets(scored)
    print_rates("Error rates (words; characters in zh, ja, ko)", rows)
    inside = sets.score_pooled_languages(scored)
    if inside:
        print_rates("Inside the pools (too few words to compare)", inside)
    for row in rows:
        recorder.write("set", set_as_json(row))


def print_rates(title: str, rows: Sequence[sets.SetScore]) -> None:
    systems = list(rows[0].counts)
    header = ["set", "items", "words", *(f"{s} errors" for s in systems), *systems]
    if len(systems) == 2:
        header += ["difference", "95 % interval", "verdict"]
    print(f"\n{title}\n{format_table(header, [rate_cells(row) for row in rows])}")


def rate_cells(row: sets.SetScore) -> list[str]:
    counts = list(row.counts.values())
    cells = [row.name, str(row.n_items), str(counts[0].n_reference)]
    cells += [f"{c.errors} ({c.substitutions}/{c.deletions}/{c.insertions})" for c in counts]
    cells += [percent(c.rate) for c in counts]
    if row.interval:
        low, high = row.interval.low * 100, row.interval.high * 100
        cells += [f"{row.interval.difference * 100:+.1f}", f"{low:+.1f} .. {high:+.1f}"]
        cells.append(row.interval.verdict)
    elif len(counts) == 2:
        cells += [f"{(counts[0].rate - counts[1].rate) * 100:+.1f}", "", "too few words"]
    return cells


def report_languages(outcomes: Sequence[Outcome], recorder: Recorder) -> None:
    """How often the language was right, and each time it was not."""
    for system in outcomes[0].answers if outcomes else ():
        wrong = {
            outcome.recording.id: f"{outcome.recording.language} taken for {heard}"
            for outcome in outcomes
            if (heard := outcome.answers[system].language) != outcome.recording.language
        }
        print(f"\nLanguage right, {system}: {len(outcomes) - len(wrong)} of {len(outcomes)}")
        print(*(f"  {name}: {what}\n" for name, what in wrong.items()), sep="", end="")
        recorder.write("language", {"system": system, "n_items": len(outcomes), "wrong": wrong})


def report_silence(outcomes: Sequence[Outcome], recorder: Recorder) -> None:
    """How many recordings without speech were given text."""
    for system in outcomes[0].answers if outcomes else ():
        texts = {outcome.recording.id: outcome.answers[system].text for outcome in outcomes}
        invented = {name: text for name, text in texts.items() if text}
        print(f"\nText without speech, {system}: {len(invented)} of {len(outcomes)}")
        print(*(f"  {name}: {text[:80]}\n" for name, text in invented.items()), sep="", end="")
        recorder.write("silence", {"system": system, "n_items": len(outcomes), "text": invented})


def report_joins(
    joins: Sequence[Join],
    outcomes: Sequence[Outcome],
    normalizers: Mapping[str, Normalizer],
    recorder: Recorder,
) -> None:
    """Errors in joins of two languages beside those in their clips alone."""
    answers = {outcome.recording.id: outcome.answers for outcome in outcomes}
    scores = score_joins(joins, answers, normalizers["zh"])
    rows = [
        [
            system,
            str(score.joined.n_reference),
            percent(score.joined.rate),
            percent(score.alone.rate),
        ]
        for system, score in scores.items()
    ]
    if rows:
        header = ["two languages", "words", "joined", "alone"]
        print(f"\nJoins of two languages\n{format_table(header, rows)}")
    for system, score in scores.items():
        errors = {"joined": counts_as_json(score.joined), "alone": counts_as_json(score.alone)}
        recorder.write("joins", {"system": system, **errors})


def report_failures(outcomes: Sequence[Outcome]) -> int:
    failed = [
        f"  {system} on {outcome.recording.id}: {answer.error}"
        for outcome in outcomes
        for system, answer in outcome.answers.items()
        if answer.error
    ]
    if failed:
        print("\nFailed (counted as no text)", *failed, sep="\n")
    return len(failed)


def item_as_json(outcome: Outcome) -> dict[str, Any]:
    recording, scored = outcome.recording, outcome.scored
    errors = {s: counts_as_json(scored.counts(s)) for s in outcome.answers} if scored else None
    return {
        "id": recording.id,
        "kind": recording.kind,
        "language": recording.language,
        "duration_s": recording.duration_s,
        "errors": errors,
        "answers": {system: answer.as_json() for system, answer in outcome.answers.items()},
    }


def set_as_json(row: sets.SetScore) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": row.name,
        "languages": row.languages,
        "n_items": row.n_items,
        "errors": {system: counts_as_json(counts) for system, counts in row.counts.items()},
        "rates": {system: round(counts.rate, 4) for system, counts in row.counts.items()},
    }
    if row.interval:
        interval = row.interval
        values["difference"] = round(interval.difference, 4)
        values["interval"] = [round(interval.low, 4), round(interval.high, 4)]
        values["verdict"] = interval.verdict
    return values


def counts_as_json(counts: ErrorCounts) -> dict[str, int]:
    return {
        "words": counts.n_reference,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
    }


if __name__ == "__main__":
    sys.exit(main())
