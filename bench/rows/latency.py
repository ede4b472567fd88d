"""One client, one utterance of about 5 s at a time: how long it waits."""

from collections.abc import Sequence
from statistics import median

from peers.cast import Missing
from stage import Measurement, Stage, installed, series
from verdict import Aim, Verdict, compare

ROW = "one client, 5 s utterance, ms"
UTTERANCE_S = 5.0
N_UTTERANCES = 6


def measure(stage: Stage) -> list[Verdict]:
    """Auricle through HTTP beside the library called directly."""
    peer = stage.peers.sequential
    ours = [auricle.system() for auricle in stage.auricles]
    utterances = stage.speech.near(UTTERANCE_S, N_UTTERANCES)
    measured = stage.take_turns("latency", [*ours, *installed(peer)], utterances)
    theirs = peer if isinstance(peer, Missing) else series(measured, peer.name, latency_ms)
    aim = Aim(0.25, at_least=False)
    return [compare(ROW, series(measured, o.name, latency_ms), theirs, aim) for o in ours]


def latency_ms(measured: Sequence[Measurement]) -> float:
    """Median over the utterances of the time from request to whole answer."""
    return median(m.answer.wall_s for m in measured) * 1000
