"""Processor seconds a 30 s window in a full batch, against the least that arithmetic allows.

The floor of a window is its encoder, and the cross-attention's keys and values, at the measured
peaks of one core (linear layers in the best number type, attention and convolutions in the best
floating one), plus for each token the larger of the time to compute and the time to read: the
decoder's weights as int8, shared by the batch, and the window's keys and values as bf16. The
results also hold the lower floor of an engine that keeps keys and values as bytes.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.engines.protocol import DecodeOptions, Engine, Failed, Final, Hypothesis, Utterance
from auricle.engines.registry import ENGINES, EngineSpec
from auricle.engines.whisper.weights import WhisperDims, load_weights
from auricle.scoring.wer import ErrorCounts
from auricle.served_weights import Weights
from auricle.settings import load
from auricle.transcript.joining import join_texts
from cpu_time import one_thread_of_numpy, own_cpu_s
from peaks import Peaks, measure_peaks
from stage import Auricle, Stage
from verdict import Aim, Series, Verdict, compare
from waveforms import read_waveform

ROW = "30 s window at batch 8, CPU-s"
BATCH = 8
WINDOW_SAMPLES = 30 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Windows:
    """Cut every 30 s from recordings, the last one of each padded with silence."""

    waveforms: Sequence[Waveform]
    recordings: Sequence[str]
    """The id of the recording that each window is of."""


def measure(stage: Stage) -> list[Verdict]:
    """Each Auricle's engine, in this process, on the same windows in turn."""
    windows = cut(stage)
    engines = {auricle.name: build(auricle) for auricle in stage.auricles}
    spent: dict[str, list[float]] = {name: [] for name in engines}
    floors: dict[str, list[float]] = {name: [] for name in engines}
    counts = dict.fromkeys(engines, ErrorCounts())
    for _ in range(stage.rounds):
        peaks = measure_peaks()
        stage.recorder.write("peaks", peaks.as_json())
        for name, (engine, dims) in engines.items():
            with one_thread_of_numpy():
                before_s = own_cpu_s()
                heard = decode(engine, windows.waveforms)
                spent[name].append((own_cpu_s() - before_s) / len(heard))
            n_tokens = sum(h.n_tokens + 1 for h in heard) / len(heard)  # and the end of text
            floors[name].append(floor_s(dims, peaks, n_tokens))
            counts[name] += count(stage, windows, heard)
            stage.recorder.write(
                "floor",
                {
                    "system": name,
                    "windows": len(heard),
                    "tokens": n_tokens,
                    "cpu_s": spent[name][-1],
                    "floor_s": floors[name][-1],
                    "floor_byte_cache_s": floor_s(dims, peaks, n_tokens, cache_bytes=1),
                },
            )
    for engine, _ in engines.values():
        engine.close()
    aim = Aim(2, at_least=False)
    return [
        compare(ROW, Series(name, spent[name], counts[name]), Series("floor", floors[name]), aim)
        for name in engines
    ]


def build(auricle: Auricle) -> tuple[Engine, WhisperDims]:
    """The engine that a worker of this Auricle has, with room for the batch."""
    settings, _ = load(environ={**os.environ, **auricle.settings})
    weights = Weights(settings)
    name = weights.row.engine
    spec = EngineSpec(
        name,
        str(weights.folder),
        settings.beam_size,
        slots=BATCH,
        graphs_folder=str(settings.cache_dir / "graphs"),
    )
    engine = ENGINES[name](spec)
    if engine.info.name != name:
        raise SystemExit(f"{auricle.name}: {name} fell back to {engine.info.name}")
    return engine, load_weights(weights.folder).dims


def cut(stage: Stage) -> Windows:
    """The windows of all long recordings."""
    waveforms, recordings = [], []
    for recording in stage.speech.long:
        waveform = read_waveform(recording.path)
        for first in range(0, len(waveform), WINDOW_SAMPLES):
            part = waveform[first : first + WINDOW_SAMPLES]
            waveforms.append(np.pad(part, (0, WINDOW_SAMPLES - len(part))))
            recordings.append(recording.id)
    return Windows(waveforms, recordings)


def decode(engine: Engine, waveforms: Sequence[Waveform]) -> list[Hypothesis]:
    """What is heard in each window; a slot that falls free is filled at once."""
    heard: dict[int, Hypothesis] = {}
    waiting = list(enumerate(waveforms))[::-1]
    n_live = 0
    while len(heard) < len(waveforms):
        while waiting and n_live < min(BATCH, engine.info.slots):
            key, waveform = waiting.pop()
            engine.join(key, Utterance(waveform), DecodeOptions(language="en"))
            n_live += 1
        for key, event in engine.step():
            if isinstance(event, Failed):
                raise SystemExit(f"the engine failed: {event.reason}")
            if isinstance(event, Final):
                heard[key] = event.hypothesis
                n_live -= 1
    return [heard[key] for key in range(len(waveforms))]


def count(stage: Stage, windows: Windows, heard: Sequence[Hypothesis]) -> ErrorCounts:
    """Errors of words; those that a cut went through are wrong in every engine."""
    total = ErrorCounts()
    for recording in stage.speech.long:
        texts = [
            join_texts(segment.text for segment in hypothesis.segments)
            for hypothesis, of in zip(heard, windows.recordings, strict=True)
            if of == recording.id
        ]
        total += stage.count(recording, " ".join(texts))
    return total


def floor_s(dims: WhisperDims, peaks: Peaks, n_tokens: float, *, cache_bytes: int = 2) -> float:
    """Seconds of one core for a window of `n_audio` positions and this many tokens.

    `cache_bytes` is the size of a key's or value's element.
    """
    d, n = dims.d_model, dims.n_audio
    linear = 2 * n * (12 * d * d * dims.n_encoder_layers + 2 * d * d * dims.n_decoder_layers)
    attention = 4 * n * n * d * dims.n_encoder_layers
    convolutions = 2 * 3 * d * (dims.n_mels * 2 * n + d * n)
    encoder_s = linear / peaks.int8 + (attention + convolutions) / peaks.bf16
    weights = 14 * d * d * dims.n_decoder_layers + dims.n_vocab * d
    cross = 2 * n * d * dims.n_decoder_layers
    computed_s = 2 * weights / peaks.int8 + 2 * cross / peaks.bf16
    read_s = (weights / BATCH + cross * cache_bytes) / peaks.memory
    return encoder_s + n_tokens * max(computed_s, read_s)
