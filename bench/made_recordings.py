"""Recordings of any length for benchmarks: the speech of a manifest, joined, in FLAC or WAV."""

import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from manifest import Recording

SAMPLE_RATE = 16_000
PAUSE_S = 0.7


def join_speech(recordings: Sequence[Recording], duration_s: float, target: Path) -> None:
    """Write a FLAC file that says the recordings one after the other, again and again."""
    with av.open(target, "w", format="flac") as output:
        stream = output.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        n_left = round(duration_s * SAMPLE_RATE)
        while n_left > 0:
            for recording in recordings:
                samples = _samples(recording.path)[:n_left]
                if len(samples):
                    frame = av.AudioFrame.from_ndarray(
                        samples[None, :], format="s16", layout="mono"
                    )
                    frame.sample_rate = SAMPLE_RATE
                    output.mux(stream.encode(frame))
                n_left -= len(samples)
        output.mux(stream.encode(None))


def write_silence(n_bytes: int, target: Path) -> None:
    """Write a stereo WAV file of silence at 48 kHz with so many bytes of samples."""
    second = bytes(48_000 * 2 * 2)
    with wave.open(str(target), "wb") as output:
        output.setnchannels(2)
        output.setsampwidth(2)
        output.setframerate(48_000)
        for at in range(0, n_bytes, len(second)):
            output.writeframesraw(second[: n_bytes - at])


def _samples(path: Path) -> NDArray[np.int16]:
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.int16)
    return np.concatenate([*_blocks(path), pause])


def _blocks(path: Path) -> Iterator[NDArray[np.int16]]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                yield part.to_ndarray()[0].astype(np.int16)
