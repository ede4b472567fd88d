"""Making recordings of any form, and looking at what became of them."""

import io
import struct
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from auricle.audio.decode import Decoder
from auricle.audio.decode_limits import DecodeLimits
from auricle.audio.waveform import SAMPLE_RATE, Waveform

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 6: "5.1", 8: "7.1"}


def decode(source: Path | bytes, limits: DecodeLimits | None = None) -> tuple[Waveform, list[str]]:
    """The whole waveform, and what the decoder noticed."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    decoder = Decoder(io.BytesIO(data), limits or DecodeLimits())
    parts = [np.zeros(0, np.float32), *decoder.blocks()]
    return np.concatenate(parts), decoder.notices


def encode(
    samples: NDArray[np.float32],
    rate: int,
    container: str,
    codec: str,
    sample_format: str = "flt",
    layout: str | None = None,
) -> bytes:
    """A recording with these samples, shape (n_samples,) or (n_samples, n_channels)."""
    channels = samples[:, None] if samples.ndim == 1 else samples
    layout = layout or LAYOUTS[channels.shape[1]]
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        stream.codec_context.format = sample_format
        stream.codec_context.bit_rate = 64_000
        packed = np.ascontiguousarray(channels, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate = rate
        frame.pts = 0
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(
            format=sample_format, layout=layout, rate=rate, frame_size=size
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return target.getvalue()


def silence(duration_s: float) -> bytes:
    """A FLAC file of silence that does not state its length: 20 bytes a second."""
    recording = bytearray(
        encode(np.zeros(round(duration_s * 8_000), np.float32), 8_000, "flac", "flac", "s16")
    )
    recording[21] &= 0xF0  # the number of samples has 36 bits, from the middle of this byte on
    recording[22:26] = bytes(4)
    return bytes(recording)


def wav(
    samples: NDArray[np.generic],
    rate: int = SAMPLE_RATE,
    *,
    n_channels: int | None = None,
    promised: int | None = None,
    after: bytes = b"",
) -> bytes:
    """A WAV file written by hand: 16-bit or float by the array's type, headers as told.

    Args:
        samples: int16 or float32, shape (n_samples,) or (n_samples, n_channels).
        rate: what the header says, Hz.
        n_channels: what the header says; default: the truth.
        promised: size of the data chunk by the header, in bytes; default: the truth.
        after: what follows the data chunk.
    """
    channels = samples[:, None] if samples.ndim == 1 else samples
    count = channels.shape[1] if n_channels is None else n_channels
    kind = 3 if samples.dtype.kind == "f" else 1
    width = samples.dtype.itemsize
    data = channels.tobytes()
    form = struct.pack("<HHIIHH", kind, count, rate, rate * count * width, count * width, width * 8)
    size = len(data) if promised is None else promised
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", size) + data + after
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def tone(duration_s: float, rate: int = SAMPLE_RATE, hz: float = 440.0) -> NDArray[np.float32]:
    """A sine at -12 dB of full scale."""
    t = np.arange(round(duration_s * rate)) / rate
    return (0.25 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def similarity(a: Waveform, b: Waveform) -> float:
    """Highest normalised correlation of two recordings over all shifts, 0..1."""
    size = 1 << (len(a) + len(b)).bit_length()
    product = np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size))
    peak = np.abs(np.fft.irfft(product)).max()
    return float(peak / (np.linalg.norm(a) * np.linalg.norm(b)))


def level_db(waveform: Waveform) -> float:
    """Root mean square in dB of full scale."""
    return float(20 * np.log10(np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))))
