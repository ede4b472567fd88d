"""A whole recording in one call, on one thread: what a service does in pieces."""

from collections.abc import Iterable

from auricle.audio.waveform import Waveform
from auricle.diarization.analysis import analyse
from auricle.diarization.clustering import Projection
from auricle.diarization.networks import Networks
from auricle.diarization.turns import Speakers, resolve
from auricle.diarization.windows import WindowAnalysis, WindowCutter


def diarize(blocks: Iterable[Waveform], networks: Networks, projection: Projection) -> Speakers:
    """Who speaks when. However the recording is cut into blocks, the answer is the same."""
    cutter = WindowCutter()
    analyses: list[WindowAnalysis] = []
    n_samples = 0
    for block in blocks:
        n_samples += len(block)
        analyses += [analyse(window, networks) for window in cutter.feed(block)]
    analyses += [analyse(window, networks) for window in cutter.finish()]
    return resolve(analyses, n_samples, projection)
