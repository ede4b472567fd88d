"""A recording in any container ffmpeg reads -> 16 kHz mono, block by block.

Made for hostile input, to run in a process that can be killed: only the given bytes are read,
every quantity that a file can inflate has a limit that is checked while reading, and memory
does not depend on the length. What a damaged file loses is said in `Decoder.notices`.
"""

import contextlib
from collections.abc import Generator, Iterator
from typing import BinaryIO

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard

from auricle.audio.containers import DECODERS, open_container
from auricle.audio.convert import Converter, Form
from auricle.audio.damage import Damage
from auricle.audio.decode_limits import DecodeLimits
from auricle.audio.downmix import Levels
from auricle.audio.lengths import is_cut_ogg, stated_s
from auricle.audio.riff import DataChunk, find_data_chunk
from auricle.audio.timeline import Timeline
from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.errors import TooLarge, UnreadableAudio

BLOCK = 32 * 512  # samples, 1.024 s: whole frames of the speech detector
_NO_RECORDING = "the file is not a recording in a format we can read, or it is damaged"
_NO_DECODER = "the audio track is in a format we cannot decode, or it is damaged"


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """PyAV's errors as ours: all of them mean that these bytes are no audio."""
    try:
        yield
    except MemoryError:
        raise
    except (av.error.FFmpegError, PermissionError) as error:  # the latter: refused to open more
        raise UnreadableAudio(_NO_RECORDING) from error


class Decoder:
    """One recording being decoded. Iterate `blocks()` once; `notices` is complete after that."""

    def __init__(self, file: BinaryIO, limits: DecodeLimits) -> None:
        """Nothing is read before `blocks()`.

        Args:
            file: the recording, seekable; the caller closes it.
            limits: what it may ask for.
        """
        self._file = file
        self._limits = limits
        self._damage = Damage()
        self._converter: Converter | None = None
        self._n_forms = 0
        self._data_chunk: DataChunk | None = None  # of a WAV file
        self.expected_s: float | None = None
        """About how long the recording is, as far as its head tells; known from the first block."""
        self._n_samples = 0  # at SAMPLE_RATE, so far
        self._n_decoded_bytes = 0
        self._n_frames = 0
        self._n_idle_packets = 0

    @property
    def notices(self) -> list[str]:
        """Plain sentences about what the file lost, for the caller of the server."""
        return self._damage.notices(self._n_samples / SAMPLE_RATE)

    @property
    def channel_levels(self) -> Levels | None:
        """How loud each of two channels was, once all is read; None for other recordings."""
        return self._converter.levels if self._converter and self._n_forms == 1 else None

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
        self._check_header()
        with _translated():
            container = open_container(self._file, ignore_length=self._damage.is_understated)
        with container:
            stream = self._choose_stream(container)
            self._check_stated_length(container, stream)
            timeline = Timeline(container.start_time)
            for frame in self._frames(container, stream):
                for piece in self._convert(frame, timeline):
                    yield self._count(piece)
            if self._converter:
                yield self._count(self._converter.finish())
            self._damage.filled_s = timeline.filled_s
            if container.format.name == "ogg":
                self._damage.is_cut = is_cut_ogg(self._file)
        if self._damage.n_bad_packets > self._n_frames:
            raise UnreadableAudio("hardly anything in the audio track can be decoded")

    def _check_header(self) -> None:
        if not self._file.seek(0, 2):
            raise UnreadableAudio("the file is empty")
        self._data_chunk = find_data_chunk(self._file)
        self._damage.is_understated = bool(self._data_chunk and self._data_chunk.is_understated)

    def _choose_stream(self, container: InputContainer) -> AudioStream:
        with _translated():
            stream = container.streams.best("audio")
        if not container.streams.audio:
            raise UnreadableAudio("the file has no audio track")
        if not isinstance(stream, AudioStream):
            raise UnreadableAudio(_NO_DECODER)
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        context = stream.codec_context
        if getattr(context, "name", None) not in DECODERS:  # None where ffmpeg knows no decoder
            raise UnreadableAudio(_NO_DECODER)
        self._check_form(context.sample_rate, context.layout.nb_channels)
        context.thread_count = 1
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

    def _check_stated_length(self, container: InputContainer, stream: AudioStream) -> None:
        """Refuse now what would be refused after hours of work."""
        stated = stated_s(container, stream, self._file)
        if stated is not None and stated > self._limits.max_audio_s + 1:
            raise self._too_long(f"{stated:.0f} seconds long")
        guessed = None if container.duration is None else container.duration / 1e6
        expected = guessed if stated is None else stated
        self.expected_s = expected and min(max(expected, 0.0), self._limits.max_audio_s)
        chunk = self._data_chunk
        if stated is not None and chunk and chunk.is_overstated:  # ffmpeg takes the file's size
            stated *= chunk.promised / max(1, chunk.available)
        self._damage.promised_s = stated

    def _too_long(self, length: str) -> TooLarge:
        limit_s = self._limits.max_audio_s
        return TooLarge(f"the recording is {length}, the limit is {limit_s:g} seconds")

    def _frames(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        """Decoded frames; packets that cannot be decoded are counted and skipped."""
        for packet in _packets(container, stream, self._damage):
            frames = self._decode(packet)
            self._n_idle_packets = 0 if frames else self._n_idle_packets + 1
            if self._n_idle_packets > self._limits.max_idle_packets:
                raise TooLarge(
                    "the recording has more packets in a row without sound than the limit of "
                    f"{self._limits.max_idle_packets}"
                )
            yield from frames

    def _decode(self, packet: "Packet[AudioStream]") -> list[AudioFrame]:
        try:
            frames = [frame for frame in packet.decode() if self._is_usable(frame)]
        except MemoryError:
            raise
        except av.error.FFmpegError:
            self._damage.n_bad_packets += 1
            return []
        self._n_frames += len(frames)
        return frames

    def _is_usable(self, frame: AudioFrame) -> bool:
        is_usable = (
            frame.samples > 0
            and frame.sample_rate >= self._limits.min_sample_rate
            and frame.layout.nb_channels > 0
        )
        self._damage.n_bad_packets += frame.is_corrupt or not is_usable
        return is_usable

    def _convert(self, frame: AudioFrame, timeline: Timeline) -> Iterator[Waveform]:
        self._n_decoded_bytes += frame.samples * frame.layout.nb_channels * frame.format.bytes
        if self._n_decoded_bytes > self._limits.max_decoded_bytes:
            raise TooLarge(
                f"the recording decodes to more than the limit of "
                f"{self._limits.max_decoded_bytes} bytes"
            )
        if self._converter is None or not self._converter.form.is_of(frame):
            form = Form.of(frame)
            self._check_form(form.sample_rate, form.n_channels)
            if self._converter:
                yield self._converter.finish()
            self._converter = Converter(form, self._damage)
            self._n_forms += 1
        for n_missing in timeline.missing(frame):
            yield self._converter.feed_silence(n_missing)
        piece = self._converter.feed(frame)
        if len(piece):  # most frames are kept back, to be converted together
            yield piece

    def _count(self, piece: Waveform) -> Waveform:
        self._n_samples += len(piece)
        if self._n_samples > self._limits.max_audio_s * SAMPLE_RATE:
            raise self._too_long("longer than allowed")
        return piece


def _packets(
    container: InputContainer, stream: AudioStream, damage: Damage
) -> Iterator["Packet[AudioStream]"]:
    """The stream's packets; the last one is empty and flushes the decoder, if all was read."""
    while True:
        try:
            with _translated():
                yield from container.demux(stream)
        except IndexError:  # PyAV's, at a packet of a track that the head did not announce
            continue
        except av.error.MemoryError:  # a packet as long as a damaged table has it: no way behind it
            damage.is_cut = True
        return
