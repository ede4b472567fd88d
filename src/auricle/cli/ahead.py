"""The server's event loop, and on it the engine's process while settings are still read."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from auricle.forking import ForkServer
from auricle.scheduling.ahead import start_ahead


class Ahead:
    """Enter it to begin, leave it to end what was begun and not used."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.engine: ForkServer | None = None

    def __enter__(self) -> Self:
        self.engine = self._runner.run(start_ahead())
        return self

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
