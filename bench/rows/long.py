"""Long recordings, one at a time: audio seconds per second."""

from collections.abc import Sequence

from peers.cast import Missing
from stage import Measurement, Stage, installed, series
from table import format_table
from verdict import Aim, Verdict, compare, spread

ROW = "long recordings, audio s/s"


def measure(stage: Stage) -> list[Verdict]:
    """Auricle through HTTP beside every peer."""
    peers = {
        Aim(7): stage.peers.sequential,
        Aim(3): stage.peers.batched,
        Aim(4): stage.peers.whisper_cpp,
    }
    ours = [auricle.system(stream=True) for auricle in stage.auricles]
    measured = stage.take_turns("long", [*ours, *installed(*peers.values())], stage.speech.long)
    print(f"\n{format_table(*costs(measured))}")
    return [
        compare(
            ROW,
            series(measured, system.name, audio_per_s),
            peer if isinstance(peer, Missing) else series(measured, peer.name, audio_per_s),
            aim,
        )
        for system in ours
        for aim, peer in peers.items()
    ]


def audio_per_s(measured: Sequence[Measurement]) -> float:
    """Seconds of audio a second of waiting, all recordings together."""
    return audio_s(measured) / sum(m.answer.wall_s for m in measured)


def audio_per_cpu_s(measured: Sequence[Measurement]) -> float:
    """Seconds of audio a processor second."""
    cpu_s = sum(m.answer.cpu_s or 0.0 for m in measured)
    return audio_s(measured) / cpu_s if cpu_s else float("nan")


def audio_s(measured: Sequence[Measurement]) -> float:
    """All recordings together."""
    return sum(m.recording.duration_s for m in measured)


def costs(measured: Sequence[Measurement]) -> tuple[list[str], list[list[str]]]:
    """Every system with its processor time and errors: median over the rounds, and the extremes."""
    rows = []
    for system in dict.fromkeys(m.system for m in measured):
        of_wall = series(measured, system, audio_per_s)
        of_cpu = series(measured, system, audio_per_cpu_s)
        rows.append([system, spread(of_wall.values), spread(of_cpu.values), of_wall.errors])
    return ["system", "audio s / s", "audio s / CPU s", "errors"], rows
