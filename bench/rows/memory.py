"""Memory of all processes of a server whose slots are full of 30 s windows."""

import threading
from concurrent.futures import ThreadPoolExecutor

from auricle.process_tree import tree_pss_bytes
from auricle.scoring.wer import ErrorCounts
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
        with Peak(auricle.pid) as peak, ThreadPoolExecutor(N_CLIENTS) as clients:
            answers = list(clients.map(system.transcribe, stage.speech.long))
        measured = [
            stage.record("memory", system.name, recording, 0, answer)
            for recording, answer in zip(stage.speech.long, answers, strict=True)
        ]
        counts = sum((m.counts for m in measured), ErrorCounts())
        n_failed = sum(bool(answer.error) for answer in answers)
        largest = Series(auricle.name, [peak.largest_bytes / 1e9], counts, n_failed)
        verdicts.append(hold(ROW, largest, Aim(1.2, "GB", at_least=False)))
    return verdicts


class Peak:
    """The largest memory of a tree of processes while the block runs."""

    def __init__(self, pid: int) -> None:
        self.largest_bytes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.largest_bytes = max(self.largest_bytes, tree_pss_bytes(self._pid) or 0)
            if self._ended.wait(SAMPLE_S):
                return
