"""`auricle serve`: the server."""

import argparse
import asyncio
import logging
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from auricle import telemetry
from auricle.cli.ahead import Ahead
from auricle.cli.flags import add_setting_flags, setting_flags
from auricle.settings import Settings, load

if TYPE_CHECKING:
    from auricle.scheduling.ahead import EngineAhead
    from auricle.served_weights import Weights

logger = logging.getLogger(__name__)


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("serve", help="start the server")
    add_setting_flags(
        parser,
        "host",
        "port",
        "model",
        "workers",
        "threads",
        "batch",
        "engine",
        "beam_size",
        "language",
        "log_format",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    from auricle.served_weights import Weights  # noqa: PLC0415 (flags are checked before)
    from auricle.server.keys import check_exposure  # noqa: PLC0415
    from auricle.weights.progress import progress_for  # noqa: PLC0415

    settings, _ = load(setting_flags(arguments))
    check_exposure(settings)
    telemetry.configure_logging(settings.log_format)
    weights = Weights(settings, progress_for(sys.stderr))
    ahead: Ahead = arguments.ahead
    ahead.tell(weights.default_spec(settings))  # it loads while the rest is imported
    ahead.run(_serve(settings, weights, ahead.engine))
    return 0


async def _serve(settings: Settings, weights: "Weights", engine: "EngineAhead | None") -> None:
    """Serve; what answers requests is loaded while the engine starts in a process of its own."""
    from auricle.runtime import Runtime  # noqa: PLC0415
    from auricle.server.listener import bind  # noqa: PLC0415

    listener = bind(settings.host, settings.port)
    loading = asyncio.create_task(asyncio.to_thread(import_module, "auricle.server.serving"))
    async with Runtime(settings, weights, engine) as runtime:
        await loading
        from auricle.server.app import create_app  # noqa: PLC0415
        from auricle.server.serving import serve  # noqa: PLC0415

        app = create_app(runtime, settings)
        await serve(app, listener, grace_s=settings.grace_s, on_started=_announce)


def _announce(url: str) -> None:
    telemetry.log(logger, logging.INFO, "server.ready", url=url)
