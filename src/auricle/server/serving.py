"""Runs the application on uvicorn, and ends it without dropping what was accepted."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from auricle import telemetry
from auricle.server import tekken
from auricle.server.admission import Admission
from auricle.server.app import Application
from auricle.server.http_protocol import BoundedHttpProtocol
from auricle.server.listener import url_of
from auricle.sources import spool

logger = logging.getLogger(__name__)

KEEP_ALIVE_S = 30
"""Idle seconds of a connection; longer than clients keep theirs, so that they close first."""
LAST_ANSWERS_S = 5
"""Seconds for error frames and answers to leave after the grace period."""


class HttpServer(uvicorn.Server):
    """uvicorn as we run it, without its signal handling, which drops what is in work.

    Args:
        app: an ASGI application.
        on_started: called once it listens.
        protocol: of its connections.
    """

    def __init__(
        self,
        app: ASGIApp,
        on_started: Callable[[], None],
        protocol: type[BoundedHttpProtocol] = BoundedHttpProtocol,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=LAST_ANSWERS_S,
        )
        super().__init__(config)
        telemetry.quiet_uvicorn()
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are `serve`'s."""
        yield


async def serve(
    app: Application,
    listener: socket.socket,
    *,
    grace_s: float,
    on_started: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; returns when all connections are closed.

    The first signal stops the acceptance of requests and gives accepted ones `grace_s` seconds;
    a second one ends them at once.

    Args:
        app: from `create_app`.
        listener: from `listener.bind`; closed at the end.
        grace_s: seconds that accepted requests may go on.
        on_started: called with the server's URL once it listens.
    """

    def announce() -> None:
        if on_started is not None:
            on_started(url_of(listener))

    server = HttpServer(app, announce)
    async with asyncio.TaskGroup() as tasks:
        with _signals() as signals:
            drain = tasks.create_task(_drain(server, app.admission, signals, grace_s))
            tasks.create_task(asyncio.to_thread(_prepare))
            await server.serve([listener])
            drain.cancel()


def _prepare() -> None:
    """What the first request should not wait for."""
    tekken.load()
    if n_files := spool.sweep():
        telemetry.log(logger, logging.INFO, "spool.swept", files=n_files)


@contextlib.contextmanager
def _signals() -> Iterator["asyncio.Queue[int]"]:
    loop = asyncio.get_running_loop()
    received: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received.put_nowait, int(number))
    try:
        yield received
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _drain(
    server: uvicorn.Server, admission: Admission, signals: "asyncio.Queue[int]", grace_s: float
) -> None:
    await signals.get()
    telemetry.log(logger, logging.INFO, "server.draining", in_flight=admission.in_use)
    admission.drain()
    second = asyncio.create_task(signals.get())
    idle = asyncio.create_task(admission.until_idle())
    try:
        await asyncio.wait({second, idle}, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        if not idle.done():
            telemetry.log(logger, logging.WARNING, "server.cut", in_flight=admission.in_use)
            admission.cut()
            await asyncio.wait({idle}, timeout=LAST_ANSWERS_S)
    finally:
        second.cancel()
        idle.cancel()
    server.should_exit = True
