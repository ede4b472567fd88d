"""Command-line flags that set settings."""

import argparse
from typing import Any

from auricle.settings import Settings


def add_setting_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """A flag for each named setting: `--beam-size` for `beam_size`; its help is the setting's."""
    for name in names:
        field = Settings.model_fields[name]
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=f"setting_{name}",
            metavar=name.upper(),
            help=(field.description or "").replace("%", "%%"),
        )


def setting_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given as flags; None where one was not."""
    prefix = "setting_"
    return {
        name.removeprefix(prefix): value
        for name, value in vars(arguments).items()
        if name.startswith(prefix)
    }
