"""Recordings of any length, made of a clip."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from harness.speech import Clip

SAMPLE_RATE = 16_000
PAUSE_S = 1


def say_repeatedly(clip: Clip, times: int, target: Path) -> Path:
    """Write a WAV file that says the clip several times, with a pause after each."""
    pause = np.zeros(PAUSE_S * SAMPLE_RATE, np.int16)
    samples = np.tile(np.concatenate([*_blocks(clip.path), pause]), times)
    with av.open(target, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target


def _blocks(path: Path) -> Iterator[NDArray[np.int16]]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                yield part.to_ndarray()[0].astype(np.int16)
