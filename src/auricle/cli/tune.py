"""`auricle tune`: workers, threads and batch for this machine, found by measuring."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from auricle.cli.flags import add_setting_flags, setting_flags
from auricle.cli.measuring import AT_ONCE, find_recordings, measure, readable, running
from auricle.settings import ENV_PREFIX, Settings, load
from auricle.weights.progress import progress_for

if TYPE_CHECKING:
    from auricle.served_weights import Weights

ROUNDS = 2
BATCHES = (4, 8, 16)
WORTH = 0.05
"""A gain below this is none: the choice that needs less memory is taken."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Values of the settings that are tuned."""

    workers: int
    threads: int
    batch: int

    def lines(self) -> list[str]:
        """As variables of the environment."""
        tuned = {"workers": self.workers, "threads": self.threads, "batch": self.batch}
        return [f"{ENV_PREFIX}{name.upper()}={value}" for name, value in tuned.items()]


@dataclass(slots=True)
class Speeds:
    """What was measured of a choice, a value a round: seconds of audio a second."""

    at_once: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "tune",
        help="find workers, threads and batch for this machine",
        description="Transcribe your recordings with several numbers of workers, threads and "
        "utterances in a batch, and print the settings with which most get done. Do nothing else "
        "on the machine meanwhile; a few minutes of speech in several files are enough.",
    )
    parser.add_argument("inputs", nargs="+", type=Path, metavar="FILE|FOLDER")
    add_setting_flags(parser, "model", "engine", "beam_size", "language")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, say what was found on standard error, and print the settings."""
    from auricle.served_weights import Weights  # noqa: PLC0415 (other commands need not wait for it)

    settings, _ = load(setting_flags(arguments))
    recordings = find_recordings(arguments.inputs)
    weights = Weights(settings, progress_for(sys.stderr))
    print("\n".join(asyncio.run(_tuned(settings, weights, recordings)).lines()))
    return 0


async def _tuned(settings: Settings, weights: "Weights", recordings: list[Path]) -> Choice:
    """First how the cores are split, then how much is decoded at once."""
    async with running(settings, weights) as runtime:
        recordings = await readable(runtime, recordings)
    n_cores = Settings.model_fields["workers"].get_default(call_default_factory=True)
    best = choose(await _measured(settings, weights, recordings, layouts(n_cores, settings.batch)))
    if weights.row.engine != "openvino":
        return best  # it decodes one utterance at a time
    batches = [Choice(best.workers, best.threads, batch) for batch in BATCHES]
    return choose(await _measured(settings, weights, recordings, batches))


def layouts(n_cores: int, batch: int) -> list[Choice]:
    """The cores as many workers of one thread, as pairs, and as one worker of many threads."""
    per_worker = sorted({1, min(2, n_cores), n_cores})
    return [Choice(n_cores // threads, threads, batch) for threads in per_worker]


def choose(speeds: Mapping[Choice, Speeds]) -> Choice:
    """The most audio a second; of those about as fast, the one that needs least memory."""
    fastest = max(median(measured.at_once) for measured in speeds.values())
    enough = (1 - WORTH) * fastest
    good = [choice for choice, measured in speeds.items() if median(measured.at_once) >= enough]
    return min(good, key=lambda choice: (choice.workers * choice.batch, choice.threads))


async def _measured(
    settings: Settings, weights: "Weights", recordings: Sequence[Path], choices: Sequence[Choice]
) -> dict[Choice, Speeds]:
    """All choices in turn, in every round."""
    speeds = {choice: Speeds() for choice in choices}
    for _ in range(ROUNDS):
        for choice in choices:
            tried = settings.model_copy(
                update={
                    "workers": choice.workers,
                    "threads": choice.threads,
                    "batch": choice.batch,
                }
            )
            async with running(tried, weights) as runtime:
                await measure(runtime, recordings[:1], 1)  # warms up
                speeds[choice].alone.append((await measure(runtime, recordings[:1], 1)).speed)
                speeds[choice].at_once.append((await measure(runtime, recordings, AT_ONCE)).speed)
    for choice, measured in speeds.items():
        print(
            f"{choice.workers:3} workers x {choice.threads} threads, batch {choice.batch:2}: "
            f"{median(measured.at_once):6.1f} s of audio a second, "
            f"{median(measured.alone):6.1f} for a lone recording",
            file=sys.stderr,
        )
    return speeds
