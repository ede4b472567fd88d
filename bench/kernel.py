"""Processor seconds a window, and the words: our Whisper runtime against CTranslate2.

The same windows with the same weights, one thread each, greedy, no fallback, all variants in
turn over each group of windows, so that a busy machine slows all of them. Long recordings are
cut every 30 s (words at the cuts suffer alike everywhere); utterances are given to each engine
as its servers do: CTranslate2 padded to 30 s, ours with the context its policy chooses.

    python bench/kernel.py --weights FOLDER [--manifest FOLDER] [--windows 16] [--utterances 24]
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ctranslate2
import numpy as np
from whisper_normalizer.english import EnglishTextNormalizer

from auricle.audio.log_mel import log_mel
from auricle.audio.waveform import Waveform
from auricle.engines.protocol import DecodeOptions, Failed, Final, Utterance
from auricle.engines.whisper.decoding.context import ContextPolicy
from auricle.engines.whisper.graphs.compiling import GraphOptions
from auricle.engines.whisper.openvino_engine import OpenVinoWhisper
from auricle.engines.whisper.policy import DecodePolicy
from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.scoring.wer import ErrorCounts, count_errors
from auricle.transcript.joining import join_texts
from cpu_time import own_cpu_s
from manifest import find_manifest, read_manifest
from records import Recorder, describe_run, warn_if_busy
from table import format_table, percent
from waveforms import read_waveform

Decode = Callable[[Sequence[Waveform]], list[str]]
"""The texts of some windows, all decoded together as far as the variant does that."""

WINDOW_SAMPLES = 30 * 16_000
GROUP = 8


@dataclass
class Item:
    """A window, and the recording whose reference its text belongs to."""

    waveform: Waveform
    recording: str


@dataclass
class Variant:
    """What is measured, and what it has used so far."""

    name: str
    decode: Decode
    cpu_s: float = 0.0
    texts: list[str] = field(default_factory=list)


def ctranslate2_variant(folder: Path, batch: int) -> Decode:
    model = ctranslate2.models.Whisper(
        str(folder), device="cpu", compute_type="int8", intra_threads=1, inter_threads=1
    )
    tokenizer = WhisperTokenizer(folder / "tokenizer.json")
    prompt = tokenizer.prompt("en")

    def decode(waveforms: Sequence[Waveform]) -> list[str]:
        texts = []
        for first in range(0, len(waveforms), batch):
            mels = [log_mel(w, model.n_mels, 3000) for w in waveforms[first : first + batch]]
            features = model.encode(ctranslate2.StorageView.from_array(np.stack(mels)))
            results = model.generate(
                features, [prompt] * len(mels), beam_size=1, max_length=len(prompt) + 224
            )
            texts += [tokenizer.decode(result.sequences_ids[0]) for result in results]
        return texts

    return decode


def our_variant(engine: OpenVinoWhisper, rows: int) -> Decode:
    def decode(waveforms: Sequence[Waveform]) -> list[str]:
        texts, waiting = [""] * len(waveforms), list(enumerate(waveforms))
        n_live = 0
        while waiting or n_live:
            while waiting and n_live < rows:
                key, waveform = waiting.pop(0)
                engine.join(key, Utterance(waveform), DecodeOptions(language="en"))
                n_live += 1
            for key, event in engine.step():
                if isinstance(event, Failed):
                    raise SystemExit(f"ours failed: {event.reason}")
                if isinstance(event, Final):
                    texts[key] = join_texts(part.text for part in event.hypothesis.segments)
                    n_live -= 1
        return texts

    return decode


def variants(folder: Path, graphs: Path | None, *, beam_size: int, floor_s: float) -> list[Variant]:
    policy = DecodePolicy(beam_size=beam_size, temperatures=(0.0,), max_no_speech_probability=2.0)
    engine = OpenVinoWhisper(
        folder,
        policy,
        GraphOptions.fastest(),
        context=ContextPolicy(floor_s=floor_s),
        cache_folder=graphs,
    )
    return [
        *(Variant(f"ctranslate2 int8, batch {n}", ctranslate2_variant(folder, n)) for n in (1, 8)),
        *(Variant(f"ours, {n} rows", our_variant(engine, n)) for n in (1, 4, 8)),
    ]


def measure(measured: Sequence[Variant], items: Sequence[Item]) -> None:
    for variant in measured:
        variant.cpu_s, variant.texts = 0.0, []
    for first in range(0, len(items), GROUP):
        group = [item.waveform for item in items[first : first + GROUP]]
        for variant in measured:
            before = own_cpu_s()
            variant.texts += variant.decode(group)
            variant.cpu_s += own_cpu_s() - before


def errors(items: Sequence[Item], texts: Sequence[str], references: dict[str, str]) -> ErrorCounts:
    normalize = EnglishTextNormalizer()
    total = ErrorCounts(0, 0, 0, 0)
    for recording in dict.fromkeys(item.recording for item in items):
        heard = " ".join(
            text for item, text in zip(items, texts, strict=True) if item.recording == recording
        )
        reference = normalize(references[recording]).split()
        total += count_errors(reference, normalize(heard).split())
    return total


def report(
    name: str, measured: Sequence[Variant], items: Sequence[Item], references: dict[str, str]
) -> list[dict[str, object]]:
    base = measured[0].cpu_s
    rows, lines = [], []
    for variant in measured:
        counts = errors(items, variant.texts, references)
        lines.append(
            {
                "set": name,
                "variant": variant.name,
                "n": len(items),
                "cpu_s": variant.cpu_s / len(items),
                "wer": counts.rate,
                "deletions": counts.deletions,
                "same_as_alone": sum(
                    a == b for a, b in zip(variant.texts, measured[2].texts, strict=True)
                ),
            }
        )
        rows.append(
            [
                variant.name,
                f"{variant.cpu_s / len(items):.3f}",
                f"{base / variant.cpu_s:.2f}x",
                percent(counts.rate),
                str(counts.deletions),
                f"{lines[-1]['same_as_alone']}/{len(items)}",
            ]
        )
    header = [
        f"{name} ({len(items)})",
        "CPU-s each",
        "against first",
        "WER",
        "deletions",
        "= 1 row",
    ]
    print(format_table(header, rows), flush=True)
    return lines


def cut(path: Path, name: str) -> list[Item]:
    waveform = read_waveform(path)
    starts = range(0, len(waveform), WINDOW_SAMPLES)
    return [Item(waveform[at : at + WINDOW_SAMPLES], name) for at in starts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--manifest")
    parser.add_argument("--graphs", type=Path, help="where compiled graphs are kept")
    parser.add_argument("--recordings", type=int, default=3, help="long recordings, shortest first")
    parser.add_argument("--utterances", type=int, default=24)
    parser.add_argument("--beam-size", type=int, default=1)
    parser.add_argument("--floor-s", type=float, default=10.0, help="least context of ours")
    options = parser.parse_args()
    warn_if_busy()
    every = [
        r
        for r in read_manifest(find_manifest(options.manifest))
        if r.language == "en" and r.reference
    ]
    references = {r.id: r.reference or "" for r in every}
    long = sorted((r for r in every if r.kind == "longform"), key=lambda r: r.duration_s)
    windows = [item for r in long[: options.recordings] for item in cut(r.path, r.id)]
    short = [r for r in every if r.kind == "read" and r.duration_s < 20][: options.utterances]
    utterances = [Item(read_waveform(r.path), r.id) for r in short]
    measured = variants(
        options.weights, options.graphs, beam_size=options.beam_size, floor_s=options.floor_s
    )
    recorder = Recorder("kernel")
    recorder.write("run", describe_run(options.weights))
    for name, items in (("30 s windows", windows), ("utterances", utterances)):
        if items:
            measure(measured, items)
            for line in report(name, measured, items, references):
                recorder.write("kernel", line)


if __name__ == "__main__":
    main()
