"""Word times of Auricle, through its server, beside faster-whisper's on the same weights.

Recordings built of utterances have edges that are known exactly: how far is the first word's
start from an utterance's start, the last word's end from its end? Edges are those of the sound,
where nobody else speaks. Prints a table and appends JSON lines to `bench/results/`.
"""

import argparse
import contextlib
import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from auricle.audio.decode import Decoder
from auricle.audio.decode_limits import DecodeLimits
from auricle.audio.waveform import Waveform
from auricle.settings import load
from manifest import Recording, find_manifest, read_manifest
from normalizers import load_normalizers
from records import Recorder, describe_run, n_cores
from server_process import connect, running_server
from systems import FasterWhisper, ServerError
from table import format_table
from word_edges import EdgeErrors, TimedText, cut_to_sound, edge_errors, read_utterances

AsksWords = Callable[[Path], list[TimedText]]
PLACED = "all, where clips were put"
"""Against the edges of the manifest: with the silence that the clips begin and end with."""
AIM_MEDIAN_S, AIM_P95_S = 0.12, 0.4


def main() -> None:
    """Run and report."""
    options = parse_arguments()
    recordings = [r for r in read_manifest(find_manifest(options.manifest)) if has_edges(r)]
    recorder = Recorder("word-times")
    recorder.write("run", {**describe_run(options.weights), "note": options.note})
    errors: defaultdict[tuple[str, str], EdgeErrors] = defaultdict(EdgeErrors)
    normalizers = load_normalizers()
    with contextlib.ExitStack() as stack:
        systems = start_systems(options, stack)
        for recording in recordings:
            assert recording.utterances is not None
            placed = read_utterances(recording.utterances)
            sound = cut_to_sound(placed, decode(recording.path))
            for system, ask in systems.items():
                words, language = ask(recording.path), recording.language
                found = edge_errors(sound, words, language, normalizers)
                recorder.write("item", {"system": system, "id": recording.id, **as_json(found)})
                errors[system, recording.kind] += found
                errors[system, "all"] += found
                errors[system, PLACED] += edge_errors(placed, words, language, normalizers)
    for (system, group), found in errors.items():
        recorder.write("summary", {"system": system, "set": group, **summary(found)})
    print_table(errors)
    print(f"\nresults: {recorder.path.name}")


def parse_arguments() -> argparse.Namespace:
    settings, _ = load()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", help="manifest.jsonl or its folder")
    parser.add_argument("--server", metavar="URL", help="a running server; default: start one")
    parser.add_argument("--model", default="voxtral-mini-latest", help="model id to ask for")
    parser.add_argument("--no-peer", action="store_true", help="Auricle alone")
    parser.add_argument("--threads", type=int, default=n_cores(), help="of the peer")
    parser.add_argument(
        "--weights", type=Path, default=settings.cache_dir / "models" / settings.model
    )
    parser.add_argument("--note", default="", help="kept with the results")
    return parser.parse_args()


def has_edges(recording: Recording) -> bool:
    """Whether it is known what is said from when to when."""
    return recording.utterances is not None and recording.reference is not None


def start_systems(options: argparse.Namespace, stack: contextlib.ExitStack) -> dict[str, AsksWords]:
    """What is compared: a path in, words out."""
    server = stack.enter_context(running_server(options.server))
    client = stack.enter_context(connect(server))
    systems: dict[str, AsksWords] = {
        "Auricle": lambda path: ask_server(client, path, options.model)
    }
    if not options.no_peer:
        model = FasterWhisper.load(options.weights, threads=options.threads)
        systems["faster-whisper, its VAD"] = lambda path: ask_peer(model, path, vad_filter=True)
        systems["faster-whisper"] = lambda path: ask_peer(model, path, vad_filter=False)
    return systems


def ask_server(client: httpx.Client, path: Path, model: str) -> list[TimedText]:
    """The words of an answer with `timestamp_granularities=word`.

    Raises:
        ServerError: the server refused it.
    """
    form = {"model": model, "timestamp_granularities": "word"}
    with path.open("rb") as file:
        response = client.post("/v1/audio/transcriptions", data=form, files={"file": file})
    if response.status_code != httpx.codes.OK:
        raise ServerError(f"status {response.status_code}: {response.text[:300]}")
    words = response.json()["segments"]
    return [TimedText(word["text"], word["start"], word["end"]) for word in words]


def ask_peer(model: Any, path: Path, *, vad_filter: bool) -> list[TimedText]:
    """faster-whisper's words; everything else is its default."""
    segments, _ = model.transcribe(str(path), word_timestamps=True, vad_filter=vad_filter)
    return [
        TimedText(word.word, word.start, word.end) for segment in segments for word in segment.words
    ]


def decode(path: Path) -> Waveform:
    """The recording as the server hears it."""
    decoder = Decoder(io.BytesIO(path.read_bytes()), DecodeLimits())
    return np.concatenate([np.zeros(0, np.float32), *decoder.blocks()])


def as_json(errors: EdgeErrors) -> dict[str, Any]:
    """Every error, to the millisecond."""
    return {
        "n_edges": errors.n_edges,
        "starts": [round(each, 3) for each in errors.starts],
        "ends": [round(each, 3) for each in errors.ends],
    }


def summary(errors: EdgeErrors) -> dict[str, Any]:
    """Median and 95th percentile of starts, ends and both."""
    parts = {
        "all": errors,
        "starts": EdgeErrors(errors.starts),
        "ends": EdgeErrors((), errors.ends),
    }
    return {
        "n_edges": errors.n_edges,
        "n_scored": errors.n_scored,
        **{f"median_{name}": round(part.percentile(50), 3) for name, part in parts.items()},
        **{f"p95_{name}": round(part.percentile(95), 3) for name, part in parts.items()},
    }


def print_table(errors: Mapping[tuple[str, str], EdgeErrors]) -> None:
    header = ["system, set", "edges", "median, s", "p95, s", "starts", "p95", "ends", "p95", "met"]
    rows: Sequence[Sequence[str]] = [
        row(f"{system}, {group}", found) for (system, group), found in errors.items()
    ]
    print(format_table(header, rows))


def row(name: str, errors: EdgeErrors) -> list[str]:
    values = summary(errors)
    is_met = values["median_all"] < AIM_MEDIAN_S and values["p95_all"] < AIM_P95_S
    figures = [
        f"{values[f'{kind}_{part}']:.3f}"
        for part in ("all", "starts", "ends")
        for kind in ("median", "p95")
    ]
    edges = f"{values['n_scored']} of {values['n_edges']}"
    return [name, edges, *figures, "yes" if is_met else "no"]


if __name__ == "__main__":
    main()
