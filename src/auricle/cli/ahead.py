"""The server's event loop, and on it the engine's process while settings are still read."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from auricle.scheduling.ahead import EngineAhead

if TYPE_CHECKING:
    from auricle.engines.registry import EngineSpec


class Ahead:
    """Enter it to begin, leave it to end what was begun and not used."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.engine: EngineAhead | None = None

    def __enter__(self) -> Self:
        self.engine = self._runner.run(EngineAhead.start())
        return self

    def tell(self, spec: "EngineSpec | None") -> None:
        """Have the process load this, if it is one for that."""
        from auricle.engines.registry import can_be_copied  # noqa: PLC0415 (takes time to import)

        if self.engine is not None and spec is not None and can_be_copied(spec):
            self._runner.run(self.engine.tell(spec))

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the server on the same loop."""
        self._runner.run(work)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.engine is not None:
            self._runner.run(self.engine.kill())
        self._runner.close()
