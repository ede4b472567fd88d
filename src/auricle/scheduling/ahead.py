"""The process of the usual engine, begun before it is known what it is to load.

What it imports takes as long as what the server imports itself; so both do it at once. Nothing
here takes time to import.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Self

from auricle import forking
from auricle.engines.environments import environment_of
from auricle.forking import ForkServer
from auricle.processes import Child

if TYPE_CHECKING:
    from auricle.engines.registry import EngineSpec

MODULE = "auricle.scheduling.worker_process"
ENGINE = "openvino"


class EngineAhead:
    """A process that waits for what to load, or loads. Whoever has it is to `kill` it.

    Attributes:
        server: the process.
        told: what it loads; None while it waits.
    """

    def __init__(self, server: ForkServer) -> None:
        self.server = server
        self.told: EngineSpec | None = None

    @classmethod
    async def start(cls) -> Self | None:
        """Begin; None where processes are not copied."""
        if not forking.IS_POSSIBLE:
            return None
        return cls(await ForkServer.start(MODULE, env=environment_of(ENGINE, n_threads=1)))

    async def tell(self, spec: "EngineSpec") -> None:
        """Have it load this, which can be copied; once."""
        self.told = spec
        await tell(self.server.child, spec)

    async def kill(self) -> None:
        """End it at once. Safe to call again."""
        await self.server.kill()


async def tell(child: Child, spec: "EngineSpec") -> None:
    """Have an engine's process load this; if it has ended, that is for who hears of it."""
    from auricle.scheduling.messages import Load, to_header  # noqa: PLC0415 (takes time to import)

    with suppress(ConnectionError):
        await child.send(to_header(Load(spec)))
