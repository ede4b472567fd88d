"""Who spoke when: our diarizer beside sherpa-onnx on the same networks, and Auricle's answers.

Every recording of the manifest that has an RTTM. Diarizers run on one thread in this process;
answers are asked of the server with `diarize`, and their segments are scored as turns, their
words by speaker (cpWER). Prints tables and appends JSON lines to `bench/results/`.
"""

import argparse
import contextlib
import io
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auricle.audio.decode import Decoder
from auricle.audio.decode_limits import DecodeLimits
from auricle.audio.waveform import SAMPLE_RATE, Waveform
from cpu_time import one_thread_of_numpy, own_cpu_s
from diarizers import Diarizer, OurDiarizer, SherpaOnnx
from manifest import Recording, find_manifest, read_manifest
from records import Recorder, describe_run
from server_process import connect, running_server
from speaker_answers import AnswerScore, ask, score_answer
from speaker_errors import COLLAR_S, SpeakerErrors, SpokenTurn, read_rttm, speaker_errors
from table import format_table, percent

REAL_KIND = "conversation-real"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One system's turns on one recording, scored."""

    recording: Recording
    without_collar: SpeakerErrors
    with_collar: SpeakerErrors
    n_speakers: tuple[int, int]
    """In the reference, and found."""
    cpu_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain values, seconds to the millisecond."""
        return {
            "id": self.recording.id,
            "n_speakers": list(self.n_speakers),
            "der": round(self.without_collar.rate, 4),
            "der_collar": round(self.with_collar.rate, 4),
            "seconds": {k: round(v, 3) for k, v in asdict(self.without_collar).items()},
            "cpu_s": round(self.cpu_s, 3),
        }


def main() -> None:
    """Run and report."""
    options = parse_arguments()
    recordings = [r for r in read_manifest(find_manifest(options.manifest)) if r.rttm is not None]
    recordings = [r for r in recordings if r.duration_s <= options.max_s]
    recorder = Recorder("diarization")
    recorder.write("run", {**describe_run(None), "note": options.note})
    outcomes: dict[str, list[Outcome]] = {}
    if not options.no_turns:
        diarizers: list[Diarizer] = [OurDiarizer()]
        diarizers += [SherpaOnnx(threshold) for threshold in options.sherpa]
        for diarizer in diarizers:
            outcomes[diarizer.name] = run(diarizer, recordings, recorder)
    if options.answers:
        scored = run_answers(recordings, options, recorder)
        outcomes["Auricle's segments"] = [each for each, _ in scored]
        report_words([words for _, words in scored if words is not None], recorder)
    report(outcomes, recorder)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", help="manifest.jsonl or its folder")
    parser.add_argument("--sherpa", type=float, action="append", default=[], metavar="THRESHOLD")
    parser.add_argument("--answers", action="store_true", help="ask a server too")
    parser.add_argument("--no-turns", action="store_true", help="the server alone")
    parser.add_argument("--server", metavar="URL", help="a running server; default: start one")
    parser.add_argument("--model", default="voxtral-mini-latest", help="model id to ask for")
    parser.add_argument("--max-s", type=float, default=1e9, help="leave out longer recordings")
    parser.add_argument(
        "--note", default="", help="kept with the results: which settings these are"
    )
    return parser.parse_args()


def decode(path: Path) -> Waveform:
    """The recording as the server hears it."""
    decoder = Decoder(io.BytesIO(path.read_bytes()), DecodeLimits())
    return np.concatenate([np.zeros(0, np.float32), *decoder.blocks()])


def run(diarizer: Diarizer, recordings: Sequence[Recording], recorder: Recorder) -> list[Outcome]:
    """Every recording by one diarizer, recorded as soon as it is scored."""
    outcomes = []
    for recording in recordings:
        waveform = decode(recording.path)
        started_s, cpu_s = time.perf_counter(), own_cpu_s()
        with one_thread_of_numpy():
            turns = diarizer.turns(waveform)
        wall_s, cpu_s = time.perf_counter() - started_s, own_cpu_s() - cpu_s
        outcome = score(recording, turns, len(waveform) / SAMPLE_RATE, cpu_s)
        recorder.write("turns", {"system": diarizer.name, **outcome.as_json(), "wall_s": wall_s})
        outcomes.append(outcome)
    return outcomes


def score(
    recording: Recording, turns: Sequence[SpokenTurn], duration_s: float, cpu_s: float = 0.0
) -> Outcome:
    """Errors without and with a collar."""
    assert recording.rttm is not None
    reference = read_rttm(recording.rttm)
    labels = [len({turn.speaker for turn in side}) for side in (reference, turns)]
    return Outcome(
        recording,
        speaker_errors(reference, turns, duration_s, 0.0),
        speaker_errors(reference, turns, duration_s, COLLAR_S),
        (labels[0], labels[1]),
        cpu_s,
    )


def run_answers(
    recordings: Sequence[Recording], options: argparse.Namespace, recorder: Recorder
) -> list[tuple[Outcome, AnswerScore | None]]:
    """The server's segments as turns, and its words by speaker."""
    scored = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_server(options.server))
        client = stack.enter_context(connect(server))
        for recording in recordings:
            answer = ask(client, recording.path, options.model)
            outcome = score(recording, answer.turns, recording.duration_s)
            words = score_answer(recording, answer)
            values = {} if words is None else words.as_json()
            recorder.write("answer", {**outcome.as_json(), **values})
            scored.append((outcome, words))
    return scored


def report(outcomes: Mapping[str, Sequence[Outcome]], recorder: Recorder) -> None:
    """Error rates by kind and system."""
    rows = []
    for system, all_of_it in outcomes.items():
        groups: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in all_of_it:
            is_real = outcome.recording.kind == REAL_KIND
            groups["real" if is_real else "constructed"].append(outcome)
            groups["all"].append(outcome)
        for group, members in groups.items():
            rows.append(summarise(system, group, members))
            recorder.write("summary", rows[-1])
    header = ("system", "set", "DER", "DER, collar", "missed", "false", "confused", "count", "RTF")
    print(format_table(header, [as_row(row) for row in rows]))


def summarise(system: str, group: str, members: Sequence[Outcome]) -> dict[str, Any]:
    plain = sum((m.without_collar for m in members), SpeakerErrors())
    collared = sum((m.with_collar for m in members), SpeakerErrors())
    audio_s = sum(m.recording.duration_s for m in members)
    return {
        "system": system,
        "set": group,
        "der": round(plain.rate, 4),
        "der_collar": round(collared.rate, 4),
        "missed": round(plain.missed_s / plain.total_s, 4),
        "false_alarm": round(plain.false_alarm_s / plain.total_s, 4),
        "confused": round(plain.confused_s / plain.total_s, 4),
        "right_count": sum(m.n_speakers[0] == m.n_speakers[1] for m in members),
        "files": len(members),
        "rtf": round(sum(m.cpu_s for m in members) / audio_s, 4),
    }


def as_row(row: Mapping[str, Any]) -> list[str]:
    rates = ("der", "der_collar", "missed", "false_alarm", "confused")
    count = f"{row['right_count']} of {row['files']}"
    return [
        row["system"],
        row["set"],
        *(percent(row[r]) for r in rates),
        count,
        f"{row['rtf']:.3f}",
    ]


def report_words(scores: Sequence[AnswerScore], recorder: Recorder) -> None:
    """Word errors with and without regard to the speaker, where there are transcripts."""
    if not scores:
        return
    plain = sum((s.words for s in scores[1:]), scores[0].words)
    by_speaker = sum((s.by_speaker for s in scores[1:]), scores[0].by_speaker)
    print(
        f"WER {percent(plain.rate)}, cpWER {percent(by_speaker.rate)} of {plain.n_reference} words"
    )
    recorder.write("words", {"wer": round(plain.rate, 4), "cpwer": round(by_speaker.rate, 4)})


if __name__ == "__main__":
    main()
