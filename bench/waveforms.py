"""Recordings as samples and back, with PyAV."""

from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream

from auricle.audio.waveform import SAMPLE_RATE, Waveform

_CODECS = {".wav": "pcm_s16le", ".flac": "flac"}
_BLOCK = 60 * SAMPLE_RATE


def read_waveform(path: Path) -> Waveform:
    """The whole recording, mono at 16 kHz, shape (n_samples,), -1 to 1."""
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def write_waveform(path: Path, waveform: Waveform) -> None:
    """Write 16-bit mono at 16 kHz; the suffix, `.wav` or `.flac`, is the format."""
    samples = np.round(waveform * 32767).clip(-32768, 32767).astype(np.int16)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(_CODECS[path.suffix], rate=SAMPLE_RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.codec_context.format = "s16"
        for first in range(0, len(samples), _BLOCK):
            part = samples[None, first : first + _BLOCK]
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            frame.pts = first
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
