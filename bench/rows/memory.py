"""Memory of all processes of a server whose slots are full of 30 s windows."""

from concurrent.futures import ThreadPoolExecutor

from auricle.scoring.wer import ErrorCounts
from memory import MemoryWatch
from stage import Stage
from verdict import Aim, Series, Verdict, hold

ROW = "PSS of all processes, GB (largest)"
N_CLIENTS = 4
SAMPLE_S = 0.5


def measure(stage: Stage) -> list[Verdict]:
    """All long recordings, four at a time, once for each Auricle."""
    verdicts = []
    for auricle in stage.auricles:
        system = auricle.system(cpu=False)
        with MemoryWatch(auricle.pid, SAMPLE_S) as watch, ThreadPoolExecutor(N_CLIENTS) as clients:
            answers = list(clients.map(system.transcribe, stage.speech.long))
        measured = [
            stage.record("memory", system.name, recording, 0, answer)
            for recording, answer in zip(stage.speech.long, answers, strict=True)
        ]
        counts = sum((m.counts for m in measured), ErrorCounts())
        n_failed = sum(bool(answer.error) for answer in answers)
        largest = Series(auricle.name, [watch.peak_bytes / 1e9], counts, n_failed)
        verdicts.append(hold(ROW, largest, Aim(1.2, "GB", at_least=False)))
    return verdicts
