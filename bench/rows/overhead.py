"""What is not recognition, as a share of the processor time of whole requests."""

from pathlib import Path

from auricle.audio.log_mel import FRAMES_PER_S, log_mel
from auricle.audio.waveform import SAMPLE_RATE
from auricle.process_tree import process_tree_cpu_s
from cpu_time import one_thread_of_numpy, own_cpu_s
from stage import Auricle, Stage, series
from verdict import Aim, Series, Verdict, hold
from waveforms import read_waveform

ROW = "HTTP, decode, VAD, mel, JSON: share of the CPU time"
ENGINE_MODULE = b"auricle.scheduling.worker_process"
WINDOW_S = 30
N_MELS = 80


def measure(stage: Stage) -> list[Verdict]:
    """All long recordings, one at a time.

    Engine workers do the recognition and the log-mel; all other processes are overhead. The
    log-mel is timed here, on the same audio, and moved to the overhead's side.
    """
    mel_s = mel_cpu_s(stage)
    verdicts = []
    for auricle in stage.auricles:
        shares, measured = [], []
        for n in range(stage.rounds):
            before = roles_cpu_s(auricle)
            for recording in stage.speech.long:
                answer = auricle.system(stream=True, cpu=False).transcribe(recording)
                measured.append(stage.record("overhead", auricle.name, recording, n, answer))
            engine_s, other_s = (
                after - at for after, at in zip(roles_cpu_s(auricle), before, strict=True)
            )
            shares.append((other_s + mel_s) / (engine_s + other_s))
            facts = {"engine_s": engine_s, "other_s": other_s, "mel_s": mel_s}
            stage.recorder.write("overhead", {"system": auricle.name, **facts})
        answered = series(measured, auricle.name, lambda _: 0.0)
        spent = Series(auricle.name, shares, answered.counts, answered.n_failed)
        verdicts.append(hold(ROW, spent, Aim(0.15, "%", at_least=False), "the whole request"))
    return verdicts


def roles_cpu_s(auricle: Auricle) -> tuple[float, float]:
    """Processor seconds so far of the engine workers, and of everything else."""
    engine_s = other_s = 0.0
    for pid, cpu_s in process_tree_cpu_s(auricle.pid).items():
        if ENGINE_MODULE in Path(f"/proc/{pid}/cmdline").read_bytes():
            engine_s += cpu_s
        else:
            other_s += cpu_s
    return engine_s, other_s


def mel_cpu_s(stage: Stage) -> float:
    """Of all long recordings, in windows of 30 s."""
    total_s = 0.0
    size = WINDOW_S * SAMPLE_RATE
    for recording in stage.speech.long:
        waveform = read_waveform(recording.path)
        with one_thread_of_numpy():
            before_s = own_cpu_s()
            for first in range(0, len(waveform), size):
                log_mel(waveform[first : first + size], N_MELS, WINDOW_S * FRAMES_PER_S)
            total_s += own_cpu_s() - before_s
    return total_s
