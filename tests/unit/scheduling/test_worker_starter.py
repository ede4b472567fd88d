"""Workers are copies of one process where that can be, and processes of their own elsewhere."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from auricle.engines.registry import EngineSpec
from auricle.errors import EngineFailed
from auricle.forking import ForkServer
from auricle.scheduling import worker_starter
from auricle.scheduling.ahead import EngineAhead
from auricle.scheduling.worker import Worker
from auricle.scheduling.worker_starter import WorkerStarter
from harness.watching import eventually, is_alive, parent_of

if sys.platform != "linux":
    pytest.skip("fork servers are Linux's", allow_module_level=True)

TESTS = str(Path(__file__).parents[2])
PATIENCE_S = 60
SPEC = EngineSpec("openvino", "no folder")


class CleanStarter(WorkerStarter):
    """Ends the workers it started at its own end."""

    def __init__(self, spec: EngineSpec, ahead: EngineAhead | None = None) -> None:
        super().__init__(spec, ahead)
        self._workers: list[Worker] = []

    async def start(self) -> Worker:
        self._workers.append(await super().start())
        return self._workers[-1]

    async def close(self) -> None:
        for worker in self._workers:
            await worker.stop()
        await super().close()


StartersOf = Callable[..., CleanStarter]


@pytest.fixture
async def starter_of(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StartersOf]:
    """Starters of workers that behave in a manner (`harness.copying_child`)."""
    monkeypatch.setattr(worker_starter, "MODULE", "harness.copying_child")
    monkeypatch.setenv("PYTHONPATH", TESTS)
    starters: list[CleanStarter] = []

    def make(
        manner: str, spec: EngineSpec = SPEC, ahead: EngineAhead | None = None
    ) -> CleanStarter:
        monkeypatch.setenv("MANNER", manner)
        starters.append(CleanStarter(spec, ahead))
        return starters[-1]

    async with asyncio.timeout(PATIENCE_S):
        yield make
        for starter in starters:
            await starter.close()


async def test_workers_are_copies_of_one_process(starter_of: StartersOf) -> None:
    starter = starter_of("ready")
    workers = await asyncio.gather(*(starter.start() for _ in range(3)))
    assert len({worker.pid for worker in workers}) == 3
    assert len({parent_of(worker.pid) for worker in workers}) == 1
    assert all(worker.info.name == "copied" for worker in workers)
    await starter.close()
    assert not any(Path(f"/proc/{worker.pid}").exists() for worker in workers)


async def begun_ahead() -> EngineAhead:
    environ = {"PYTHONPATH": TESTS, "MANNER": "ready"}
    return EngineAhead(await ForkServer.start("harness.copying_child", env=environ))


@pytest.mark.parametrize("is_told", [False, True])
async def test_what_was_begun_ahead_is_what_is_copied(
    starter_of: StartersOf, *, is_told: bool
) -> None:
    ahead = await begun_ahead()
    if is_told:
        await ahead.tell(SPEC)
    worker = await starter_of("ready", SPEC, ahead).start()
    assert parent_of(worker.pid) == ahead.server.child.pid


async def test_what_was_begun_ahead_ends_where_nothing_is_copied(starter_of: StartersOf) -> None:
    ahead = await begun_ahead()
    worker = await starter_of("ready", replace(SPEC, n_threads=2), ahead).start()
    assert parent_of(worker.pid) == os.getpid()
    assert not is_alive(ahead.server.child.pid)


async def test_what_loads_something_else_is_not_used(starter_of: StartersOf) -> None:
    ahead = await begun_ahead()
    await ahead.tell(replace(SPEC, slots=3))
    worker = await starter_of("ready", SPEC, ahead).start()
    assert parent_of(worker.pid) not in {os.getpid(), ahead.server.child.pid}
    assert not is_alive(ahead.server.child.pid)


async def test_a_lost_process_is_loaded_again(starter_of: StartersOf) -> None:
    starter = starter_of("ready")
    first = await starter.start()
    os.kill(parent_of(first.pid), signal.SIGKILL)
    await eventually(lambda: not is_alive(first.pid), "its copy has ended with it")
    second = await starter.start()
    assert parent_of(second.pid) not in {os.getpid(), parent_of(os.getpid())}


async def test_a_process_that_cannot_be_copied_works_itself(starter_of: StartersOf) -> None:
    starter = starter_of("alone")
    workers = [await starter.start() for _ in range(2)]
    assert len({worker.pid for worker in workers}) == 2
    assert all(parent_of(worker.pid) == os.getpid() for worker in workers)


async def test_copies_that_hang_are_given_up_for_processes_of_their_own(
    starter_of: StartersOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_starter, "COPY_TIMEOUT_S", 0.5)
    starter = starter_of("silent")
    worker = await starter.start()
    assert parent_of(worker.pid) == os.getpid()


async def test_a_later_copy_that_hangs_costs_the_others_nothing(
    starter_of: StartersOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    starter = starter_of("once")
    first = await starter.start()
    monkeypatch.setattr(worker_starter, "COPY_TIMEOUT_S", 0.5)
    with pytest.raises(EngineFailed, match="a copied worker did not start"):
        await starter.start()
    assert is_alive(first.pid)


async def test_a_process_that_does_not_load_is_one_clear_error(starter_of: StartersOf) -> None:
    starter = starter_of("refuses")
    with pytest.raises(EngineFailed, match="it ended with status"):
        await starter.start()
