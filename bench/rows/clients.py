"""Sixteen clients, each sending one utterance after the other: utterances a second."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from time import perf_counter

from auricle.scoring.wer import ErrorCounts
from manifest import Recording
from peers.cast import Missing
from stage import Stage, installed, rotated
from systems import System
from verdict import Aim, Series, Verdict, compare

ROW = "16 clients, 3..8 s utterances, utterances/s"
N_CLIENTS = 16
PASSES = 2
"""Over all utterances in a round, in different orders: more work for a steady state."""


def measure(stage: Stage) -> list[Verdict]:
    """Auricle beside the simplest server around faster-whisper."""
    peer = stage.peers.simple_server
    ours = [auricle.system(cpu=False) for auricle in stage.auricles]
    played = {system.name: Series(system.name, []) for system in [*ours, *installed(peer)]}
    for n in range(stage.rounds):
        for system in rotated([*ours, *installed(peer)], n):
            played[system.name] = _extended(played[system.name], play(stage, system, n))
    theirs = peer if isinstance(peer, Missing) else played[peer.name]
    return [compare(ROW, played[system.name], theirs, Aim(4)) for system in ours]


def queue(utterances: Sequence[Recording], n: int) -> list[Recording]:
    """What is sent in round `n`, in the order it is sent; the same for every system."""
    order = [list(utterances) for _ in range(PASSES)]
    for i, one_pass in enumerate(order):
        Random(n * PASSES + i).shuffle(one_pass)
    return [utterance for one_pass in order for utterance in one_pass]


def play(stage: Stage, system: System, n: int) -> Series:
    """One round: the figure and the errors."""
    waiting = queue(stage.speech.utterances, n)
    with ThreadPoolExecutor(N_CLIENTS) as clients:
        started_s = perf_counter()
        answers = list(clients.map(system.transcribe, waiting))
        wall_s = perf_counter() - started_s
    measured = [
        stage.record("clients", system.name, recording, n, answer)
        for recording, answer in zip(waiting, answers, strict=True)
    ]
    counts = sum((m.counts for m in measured), ErrorCounts())
    n_failed = sum(bool(answer.error) for answer in answers)
    return Series(system.name, [(len(waiting) - n_failed) / wall_s], counts, n_failed)


def _extended(so_far: Series, last: Series) -> Series:
    return Series(
        so_far.system,
        [*so_far.values, *last.values],
        so_far.counts + last.counts,
        so_far.n_failed + last.n_failed,
    )
