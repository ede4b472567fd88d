"""The first text of a long recording, on a machine that does nothing else."""

import time
from collections.abc import Iterator
from statistics import median
from typing import BinaryIO

import httpx

from auricle.process_tree import tree_cpu_s
from manifest import Recording
from stage import Auricle, Stage, rotated
from systems import sse_payloads
from verdict import Aim, Series, Verdict, hold

ROW = "first delta of a long file, s (slowest file)"
IDLE_WAIT_S = 0.3
IDLE_CPU_S = 0.02


def measure(stage: Stage) -> list[Verdict]:
    """Each long recording is sent, and dropped at its first text; the slowest file counts."""
    firsts: dict[tuple[str, str], list[float]] = {}
    for n in range(stage.rounds):
        for recording in stage.speech.long:
            for auricle in rotated(stage.auricles, n):
                first_s = first_delta_s(auricle, recording)
                firsts.setdefault((auricle.name, recording.id), []).append(first_s)
                facts = {"system": auricle.name, "id": recording.id, "first_s": round(first_s, 3)}
                stage.recorder.write("first_delta", facts)
    return [
        hold(ROW, slowest(auricle.name, firsts), Aim(0.6, "s", at_least=False))
        for auricle in stage.auricles
    ]


def slowest(system: str, firsts: dict[tuple[str, str], list[float]]) -> Series:
    """The times of the recording whose median is the largest."""
    return Series(system, max((v for (name, _), v in firsts.items() if name == system), key=median))


def first_delta_s(auricle: Auricle, recording: Recording) -> float:
    """Seconds from the request to its first delta, nan if there is none.

    Waits first until the server has nothing to do, so that no request that was dropped before
    counts.
    """
    _wait_until_idle(auricle.pid)
    started_s = time.perf_counter()
    with recording.path.open("rb") as file:
        for event in _events(auricle, file):
            if event == "transcription.text.delta":
                return time.perf_counter() - started_s
    return float("nan")


def _events(auricle: Auricle, file: BinaryIO) -> Iterator[str]:
    form = {"model": auricle.model, "stream": "true"}
    url = "/v1/audio/transcriptions"
    with auricle.client.stream("POST", url, data=form, files={"file": file}) as response:
        if response.status_code == httpx.codes.OK:
            for payload in sse_payloads(response.iter_lines()):
                yield str(payload.get("type"))


def _wait_until_idle(pid: int) -> None:
    before_s = tree_cpu_s(pid) or 0.0
    while True:
        time.sleep(IDLE_WAIT_S)
        now_s = tree_cpu_s(pid) or 0.0
        if now_s - before_s <= IDLE_CPU_S:
            return
        before_s = now_s
