"""`auricle serve`: the server."""

import argparse
import asyncio
import sys

from auricle.cli.flags import add_setting_flags, setting_flags
from auricle.runtime import Runtime, Weights
from auricle.server.app import check_exposure, serve
from auricle.settings import Settings, load
from auricle.telemetry import configure_logging
from auricle.weights.progress import progress_on


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("serve", help="start the server")
    add_setting_flags(
        parser, "host", "port", "model", "workers", "beam_size", "language", "log_format"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    settings, _ = load(setting_flags(arguments))
    check_exposure(settings)
    configure_logging(settings.log_format)
    weights = Weights(settings, progress_on(sys.stderr))
    asyncio.run(_serve(settings, weights))
    return 0


async def _serve(settings: Settings, weights: Weights) -> None:
    async with Runtime(settings, weights) as runtime:
        await serve(runtime, settings)
