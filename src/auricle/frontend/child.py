"""A decoder process: `python -m auricle.frontend.child VAD_PATH MEMORY_BYTES PARENT_PID [FD]`.

With the file descriptor of a control socket it loads what decoding needs and then copies itself on
demand (`auricle.copying`); else it works itself.

Reads one recording after the other: decodes it, computes speech probabilities, and sends blocks
as fast as the parent takes them (the pipe is the only buffer). Frames it understands:
`{"read": id, "path", "limits"}` and `{"stop": id}`. It answers a `read` with any number of
`block` frames and exactly one last frame: `end`, `failed`, `stopped` or `fault`.
"""

import io
import struct
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import av.subtitles.codeccontext
import av.subtitles.stream  # noqa: F401 (PyAV imports both when a file has subtitles)
import numpy as np

from auricle.audio.decode import BLOCK, Decoder
from auricle.audio.decode_limits import DecodeLimits
from auricle.audio.waveform import Waveform
from auricle.copying import die_with_parent, serve_forks
from auricle.errors import TooLarge, UnreadableAudio
from auricle.frames import ChildChannel
from auricle.frontend.confinement import (
    limit_resources,
    no_more_files,
    renew_cpu_time,
    resident_bytes,
)
from auricle.vad.silero import Probabilities, SileroVad, VadState

SMALL_BLOCKS = 4
"""The first blocks of a recording are sent as they come, so that its text can start early."""
LARGE_BLOCK = 4 * BLOCK  # samples, 4.1 s: 256 KB; after that fewer, larger ones are cheaper
MAX_TRACEBACK = 4000  # characters


class _Stopped(Exception):
    """The parent wants no more of this recording."""


class _Reading:
    """One recording being read: where it stands and what it cost.

    Times are the thread's, for the process's clock is coarse where RLIMIT_CPU is set.
    """

    def __init__(self, channel: ChildChannel, vad: SileroVad, key: int) -> None:
        self._channel = channel
        self._vad = vad
        self._key = key
        self._state = VadState.at_start()
        self._n_samples = 0
        self._decode_s = 0.0
        self._vad_s = 0.0

    def run(self, path: str, limits: DecodeLimits) -> None:
        """Send the recording's blocks and its end."""
        with Path(path).open("rb", buffering=0) as file, no_more_files():
            decoder = Decoder(file, limits)
            for waveform in _grouped(self._timed(decoder.blocks())):
                self._send(waveform, self._speech(waveform), decoder.expected_s)
        levels = decoder.channel_levels
        self._channel.write(
            {
                "end": self._key,
                "n_samples": self._n_samples,
                "notices": decoder.notices,
                "decode_s": self._decode_s,
                "vad_s": self._vad_s,
                "resident_bytes": resident_bytes(),
            },
            b"" if levels is None else levels.tobytes(),
        )

    def _timed(self, blocks: Iterator[Waveform]) -> Iterator[Waveform]:
        while True:
            renew_cpu_time()
            began = time.thread_time()
            block = next(blocks, None)
            self._decode_s += time.thread_time() - began
            if block is None:
                return
            yield block

    def _speech(self, waveform: Waveform) -> Probabilities:
        began = time.thread_time()
        speech, self._state = self._vad.feed(waveform, self._state)
        if len(waveform) % BLOCK:  # only the recording's last block has another length
            speech = np.concatenate([speech, self._vad.finish(self._state)])
        self._vad_s += time.thread_time() - began
        return speech

    def _send(self, waveform: Waveform, speech: Probabilities, expected_s: float | None) -> None:
        if self._channel.has_input:
            raise _Stopped
        header = {
            "block": self._key,
            "start": self._n_samples,
            "n_samples": len(waveform),
            "expected_s": expected_s,
        }
        self._channel.write(header, np.concatenate([waveform, speech]).data.cast("B"))
        self._n_samples += len(waveform)


def _grouped(blocks: Iterator[Waveform]) -> Iterator[Waveform]:
    """The first blocks alone, later ones joined up to LARGE_BLOCK."""
    group: list[Waveform] = []
    for i, block in enumerate(blocks):
        group.append(block)
        if i < SMALL_BLOCKS or sum(map(len, group)) >= LARGE_BLOCK:
            yield np.concatenate(group)
            group = []
    if group:
        yield np.concatenate(group)


def serve(channel: ChildChannel, vad: SileroVad) -> None:
    """Answer requests until the parent is gone."""
    while frame := channel.read():
        header = frame.header
        if "read" not in header:
            continue  # a `stop` that crossed the end of its recording
        key = header["read"]
        try:
            _Reading(channel, vad, key).run(header["path"], DecodeLimits(**header["limits"]))
        except _Stopped:
            channel.write({"stopped": key})
        except UnreadableAudio as error:
            channel.write({"failed": key, "reason": "unreadable", "message": error.message})
        except TooLarge as error:
            channel.write({"failed": key, "reason": "too_large", "message": error.message})


def _warm_up(vad: SileroVad) -> None:
    """Load lazily what a recording needs, for later nothing can be opened; size the memory."""
    vad.feed(np.zeros(LARGE_BLOCK, np.float32), VadState.at_start())
    silence = bytes(8000)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(silence)) + silence
    wav = io.BytesIO(struct.pack("<4sI", b"RIFF", len(body)) + body)
    for _ in Decoder(wav, DecodeLimits()).blocks():
        pass


def main() -> None:
    """Load, warm up, confine, serve."""
    vad_path, memory_bytes, parent_pid, *control = sys.argv[1:]
    channel = ChildChannel.on_stdio()
    try:
        vad = SileroVad(Path(vad_path))
        _warm_up(vad)
        if control:
            channel.close()
            channel = serve_forks(int(control[0]))
        else:
            die_with_parent(int(parent_pid))
        limit_resources(int(memory_bytes))
        channel.write({"ready": True, "resident_bytes": resident_bytes()})
        serve(channel, vad)
    except ConnectionError:
        sys.exit(1)
    except Exception:  # noqa: BLE001 (whatever it is, the parent logs it)
        channel.write({"fault": traceback.format_exc()[-MAX_TRACEBACK:]})
        sys.exit(1)


if __name__ == "__main__":
    main()
