"""The command line: parse, call, print."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from auricle import __version__
from auricle.errors import AuricleError, SettingsError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # what shells report for Ctrl-C


COMMANDS = ("serve", "transcribe", "models", "settings", "bench", "tune")
"""Each is a module of this package, with a function `register`."""


def build_parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser with these commands; each sets `run` to the function that does it."""
    parser = argparse.ArgumentParser(
        prog="auricle", description="Self-hosted speech to text for the Mistral audio API."
    )
    parser.add_argument("--version", action="version", version=f"auricle {__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in commands:
        import_module(f"auricle.cli.{command}").register(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status.

    0: done. 1: failed, one sentence on standard error says why. 2: wrong usage or settings.
    130: interrupted.
    """
    argv = sys.argv[1:] if argv is None else argv
    asked = tuple(argv[:1]) if argv and argv[0] in COMMANDS else COMMANDS  # no other is waited for
    try:
        if asked != ("serve",):
            return _run(asked, argv)
        from auricle.cli.ahead import Ahead  # noqa: PLC0415 (only a server begins so early)

        with Ahead() as ahead:
            return _run(asked, argv, ahead=ahead)
    except SettingsError as error:
        print(f"auricle: {error.message}", file=sys.stderr)
        return EXIT_USAGE
    except AuricleError as error:
        print(f"auricle: {error.message}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(asked: Sequence[str], argv: Sequence[str], **more: object) -> int:
    """Parse and call; `more` is beside what was parsed."""
    arguments = build_parser(asked).parse_args(argv, argparse.Namespace(**more))
    status: int = arguments.run(arguments)
    return status
