"""A recording in any container ffmpeg reads -> 16 kHz mono, block by block.

Made for hostile input, to run in a process that can be killed: only the given bytes are read,
every quantity that a file can inflate has a limit that is checked while reading, and memory
does not depend on the length. What a damaged file loses is said in `Decoder.notices`.
"""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import av
import av.error
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard

from auricle.audio.containers import OPEN_OPTIONS
from auricle.audio.downmix import Channels, Downmixer
from auricle.audio.riff import DataChunk, find_data_chunk
from auricle.audio.timeline import Timeline
from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.errors import TooLarge, UnreadableAudio

BLOCK = 32 * 512  # samples, 1.024 s: whole frames of the speech detector
FULL_SCALE = 4.0  # +12 dB; samples above it were not meant as -1..1


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a recording may ask for; each is checked while reading, whatever headers say."""

    max_audio_s: float = 3 * 3600
    """Decoded seconds."""
    max_decoded_bytes: int = 16 << 30
    """Decoded bytes before resampling: samples x channels x sample size."""
    max_channels: int = 32
    min_sample_rate: int = 1_000  # Hz
    max_sample_rate: int = 768_000  # Hz
    max_idle_packets: int = 10_000
    """Packets in a row that decode to nothing."""


class _OwnBytes:
    """The given file as ffmpeg sees it: readable, seekable, and without a name.

    Without a name no demuxer can guess by the extension or look for neighbours of the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


def _refuse_to_open(url: str, flags: int, options: object) -> Any:
    """What ffmpeg calls to open anything else, should a demuxer ever try."""
    raise PermissionError("a recording may not refer to other files")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """PyAV's errors as ours: all of them mean that these bytes are no audio."""
    try:
        yield
    except (av.error.FFmpegError, ValueError, AttributeError) as error:
        if isinstance(error, MemoryError):
            raise
        raise UnreadableAudio(
            "the file is not a recording in a format we can read, or it is damaged"
        ) from error


class Decoder:
    """One recording being decoded. Iterate `blocks()` once; `notices` is complete after that."""

    def __init__(self, file: BinaryIO, limits: DecodeLimits) -> None:
        self._file = file
        self._limits = limits
        self._n_samples = 0  # at SAMPLE_RATE, before blocking
        self._n_decoded_bytes = 0
        self._n_bad_packets = 0
        self._n_bad_samples = 0
        self._is_overdriven = False
        self._converter: _Converter | None = None
        self.notices: list[str] = []
        """Plain sentences about what the file lost, for the caller of the server."""

    def blocks(self) -> Generator[Waveform, None, None]:
        """Blocks of BLOCK samples, the last one shorter; none for a recording without samples.

        Raises:
            UnreadableAudio: not audio, no audio track, or nothing in it can be decoded.
            TooLarge: over one of the limits; the message names it.
        """
        pending: list[Waveform] = []
        n_pending = 0
        for piece in self._pieces():
            pending.append(piece)
            n_pending += len(piece)
            if n_pending >= BLOCK:
                joined = np.concatenate(pending)
                n_whole = len(joined) // BLOCK * BLOCK
                yield from np.split(joined[:n_whole], n_whole // BLOCK)
                pending, n_pending = [joined[n_whole:]], len(joined) - n_whole
        if n_pending:
            yield np.concatenate(pending)

    def _pieces(self) -> Iterator[Waveform]:
        """Mono pieces as they come, each checked against the limits."""
        chunk = self._check_header()
        with self._open(ignore_length=chunk is not None and chunk.is_understated) as container:
            stream = self._choose_stream(container)
            timeline = Timeline(container.start_time)
            for frame in self._frames(container, stream):
                for piece in self._convert(frame, timeline):
                    yield self._count(piece)
            if self._converter:
                yield self._count(self._converter.finish())
            self._sum_up(container, stream, timeline, chunk)

    def _check_header(self) -> DataChunk | None:
        if not self._file.seek(0, 2):
            raise UnreadableAudio("the file is empty")
        chunk = find_data_chunk(self._file)
        if chunk and chunk.is_understated:
            self.notices.append(
                "The header of the WAV file gives too short a length; it was read to its real end."
            )
        return chunk

    @contextlib.contextmanager
    def _open(self, *, ignore_length: bool) -> Iterator[InputContainer]:
        options = dict(OPEN_OPTIONS)
        if ignore_length:
            options["ignore_length"] = "1"
        with _translated():
            container = av.open(
                _OwnBytes(self._file), "r", container_options=options, io_open=_refuse_to_open
            )
        with container:
            yield container

    def _choose_stream(self, container: InputContainer) -> AudioStream:
        with _translated():
            stream = container.streams.best("audio")
        if not isinstance(stream, AudioStream):
            raise UnreadableAudio("the file has no audio track")
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        context = stream.codec_context
        if context is None:
            raise UnreadableAudio("the audio track is in a format we cannot decode")
        self._check_form(context.sample_rate, context.layout.nb_channels)
        context.thread_count = 1
        context.options = {"codec_whitelist": OPEN_OPTIONS["codec_whitelist"]}
        return stream

    def _check_form(self, sample_rate: int, n_channels: int) -> None:
        limits = self._limits
        if n_channels > limits.max_channels:
            raise TooLarge(
                f"the recording has {n_channels} channels, the limit is {limits.max_channels}"
            )
        if sample_rate > limits.max_sample_rate:
            raise TooLarge(
                f"the recording's sample rate is {sample_rate} Hz, "
                f"the limit is {limits.max_sample_rate} Hz"
            )

    def _frames(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        """Decoded frames; packets that cannot be decoded are counted and skipped."""
        n_idle = 0
        packets = container.demux(stream)
        while True:
            with _translated():
                packet = next(packets, None)
            if packet is None:
                return
            frames: list[Any] = []
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                self._n_bad_packets += 1
            n_idle = 0 if frames else n_idle + 1
            if n_idle > self._limits.max_idle_packets:
                raise TooLarge(
                    f"more than {self._limits.max_idle_packets} packets in a row hold no sound"
                )
            yield from frames

    def _convert(self, frame: AudioFrame, timeline: Timeline) -> Iterator[Waveform]:
        rate, n_channels = frame.sample_rate, frame.layout.nb_channels
        self._n_decoded_bytes += frame.samples * n_channels * frame.format.bytes
        if self._n_decoded_bytes > self._limits.max_decoded_bytes:
            raise TooLarge(
                f"the recording decodes to more than {self._limits.max_decoded_bytes} bytes"
            )
        if rate < self._limits.min_sample_rate or not n_channels:
            self._n_bad_packets += 1
            return
        if self._converter is None or not self._converter.fits(rate, n_channels):
            self._check_form(rate, n_channels)
            if self._converter:
                yield self._converter.finish()
            self._converter = _Converter(rate, n_channels)
        for n_missing in timeline.missing(frame):
            yield self._converter.feed(np.zeros((n_missing, n_channels), np.float32))
        yield self._converter.feed(self._clean(_to_float(frame, n_channels)))

    def _clean(self, channels: Channels) -> Channels:
        """NaN and infinity become 0, and nothing is far beyond full scale."""
        peak = np.abs(channels).max(initial=0)
        if peak <= FULL_SCALE:  # False for NaN
            return channels
        bad = ~np.isfinite(channels)
        self._n_bad_samples += int(bad.sum())
        self._is_overdriven |= bool((np.abs(channels[~bad]) > FULL_SCALE).any())
        return np.clip(np.where(bad, np.float32(0), channels), -FULL_SCALE, FULL_SCALE)

    def _count(self, piece: Waveform) -> Waveform:
        self._n_samples += len(piece)
        if self._n_samples > self._limits.max_audio_s * SAMPLE_RATE:
            raise TooLarge(
                f"the recording is longer than the limit of {self._limits.max_audio_s:g} seconds"
            )
        return piece

    def _sum_up(
        self,
        container: InputContainer,
        stream: AudioStream,
        timeline: Timeline,
        chunk: DataChunk | None,
    ) -> None:
        if not self._n_samples and self._n_bad_packets:
            raise UnreadableAudio("nothing in the audio track can be decoded")
        if self._n_bad_packets:
            self.notices.append(f"{self._n_bad_packets} damaged packets were skipped.")
        if timeline.filled_s:
            self.notices.append(
                f"{timeline.filled_s:.1f} seconds are missing and were left silent."
            )
        if self._n_bad_samples:
            self.notices.append(f"{self._n_bad_samples} samples were no numbers and became 0.")
        if self._is_overdriven:
            self.notices.append("Samples far beyond full scale were clipped.")


class _Converter:
    """Frames of one form -> mono at SAMPLE_RATE. A change of form needs a new one."""

    def __init__(self, sample_rate: int, n_channels: int) -> None:
        self._form = (sample_rate, n_channels)
        self._resampler = (
            soxr.ResampleStream(sample_rate, SAMPLE_RATE, n_channels, dtype="float32")
            if sample_rate != SAMPLE_RATE
            else None
        )
        self._downmixer = Downmixer(n_channels) if n_channels > 1 else None

    def fits(self, sample_rate: int, n_channels: int) -> bool:
        """Whether frames of this form can go on here."""
        return self._form == (sample_rate, n_channels)

    def feed(self, channels: Channels) -> Waveform:
        """Convert; some is kept back until `finish`."""
        if self._resampler:
            channels = self._resampler.resample_chunk(channels)
        return self._mix(channels)

    def finish(self) -> Waveform:
        """What was kept back."""
        rest = np.zeros((0, self._form[1]), np.float32)
        if self._resampler:
            rest = self._resampler.resample_chunk(rest, last=True)
        mixed = self._mix(rest)
        if self._downmixer:
            mixed = np.concatenate([mixed, np.clip(self._downmixer.finish(), -1, 1)])
        return mixed

    def _mix(self, channels: Channels) -> Waveform:
        mixed = self._downmixer.feed(channels) if self._downmixer else channels[:, 0]
        return np.clip(mixed, -1, 1)


def _to_float(frame: AudioFrame, n_channels: int) -> Channels:
    """Samples of any of ffmpeg's formats, shape (n_samples, n_channels), full scale at 1."""
    array: Any = frame.to_ndarray()
    array = array.T if frame.format.is_planar else array.reshape(-1, n_channels)
    with np.errstate(over="ignore"):  # a double may not fit; it becomes infinity
        channels: Channels = array.astype(np.float32, order="C")
    if array.dtype.kind == "u":
        channels = channels / np.float32(128) - np.float32(1)
    elif array.dtype.kind == "i":
        channels /= np.float32(2.0 ** (8 * array.dtype.itemsize - 1))
    return channels
