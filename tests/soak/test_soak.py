"""Thousands of visits of all kinds while processes are killed: nothing may be left of them."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from auricle.process_tree import tree_pss_bytes
from harness.metrics import metrics_of
from harness.processes import DECODER, ENGINE_WORKER, kill_all, workers
from harness.server import Server
from harness.waiting import eventually
from soak.visitors import DISTURBED, KINDS, Visitor

pytestmark = [pytest.mark.long, pytest.mark.needs("procfs"), pytest.mark.timeout(14_400)]

N_VISITS = int(os.environ.get("AURICLE_TEST_SOAK_VISITS") or 3_000)
N_FIRST = N_VISITS // 10
"""After these the server is warm, and its memory is what it is compared with."""
N_CLIENTS = 6
VISITS_PER_KILL = 60
MAX_GROWTH = 0.10
MAX_NEW_FILES = 4
"""Descriptors: sockets that clients keep open for the next request."""


@pytest.fixture
def spool_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def server(tmp_path: Path, spool_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("TMPDIR", str(spool_folder))
    running = Server(tmp_path / "log", workers="2", decoders="3")
    yield running
    running.kill()


@dataclass(frozen=True)
class State:
    """What a server holds when nobody asks anything of it."""

    memory_bytes: int
    n_files: int
    n_workers: int
    n_decoders: int
    permits: float
    queued: float


def state_at_rest(server: Server) -> State:
    def is_at_rest() -> bool:
        metrics = metrics_of(server)
        return (
            metrics["auricle_transcriptions_in_work"] == metrics["auricle_queued_utterances"] == 0
            and len(workers(server.pid, ENGINE_WORKER)) == 2
            and metrics["auricle_engine_workers"] == 2
            and len(workers(server.pid, DECODER)) == 3
        )

    eventually(is_at_rest, lambda: f"the server does not come to rest: {server.log[-3000:]}")
    metrics = metrics_of(server)
    return State(
        tree_pss_bytes(server.pid) or 0,
        len(list(Path(f"/proc/{server.pid}/fd").iterdir())),
        len(workers(server.pid, ENGINE_WORKER)),
        len(workers(server.pid, DECODER)),
        metrics["auricle_transcriptions_in_work"],
        metrics["auricle_queued_audio_seconds"],
    )


def visit_all(server: Server, folder: Path, numbers: range) -> Counter[str]:
    """Many visits, several at once, and a kill now and then."""
    weights = [weight for weight, _ in KINDS]
    kinds = [kind for _, kind in KINDS]

    def visit(number: int) -> str:
        rng = random.Random(number)
        if number % VISITS_PER_KILL == VISITS_PER_KILL - 1:
            victims = workers(server.pid, rng.choice([ENGINE_WORKER, DECODER]))
            kill_all(set(rng.sample(sorted(victims), 1)) if victims else set())
        (kind,) = rng.choices(kinds, weights)
        return kind(Visitor(server, rng, folder))

    with ThreadPoolExecutor(N_CLIENTS) as pool:
        return Counter(pool.map(visit, numbers))


def test_nothing_is_left_of_thousands_of_visits(
    server: Server, tmp_path: Path, spool_folder: Path
) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    visit_all(server, folder, range(N_FIRST))
    before = state_at_rest(server)
    outcomes = visit_all(server, folder, range(N_FIRST, N_VISITS))
    after = state_at_rest(server)
    n_kills = N_VISITS // VISITS_PER_KILL
    print(f"\n{dict(outcomes)}\nbefore {before}\nafter  {after}")
    assert outcomes.total() == N_VISITS - N_FIRST
    assert outcomes[DISTURBED] <= 2 * n_kills, "kills may disturb what they hit, nothing else"
    assert after.memory_bytes <= before.memory_bytes * (1 + MAX_GROWTH)
    assert after.n_files <= before.n_files + MAX_NEW_FILES
    assert (after.permits, after.queued) == (0, 0)
    assert list(spool_folder.iterdir()) == []
    assert server.stop() == 0
