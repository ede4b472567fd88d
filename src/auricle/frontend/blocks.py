"""What a decoder process sends, checked: it may have been taken over by what it decodes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auricle.audio.downmix import LEVEL_LENGTH, Levels
from auricle.audio.waveform import Waveform
from auricle.errors import TooLarge, UnreadableAudio
from auricle.frames import Frame
from auricle.vad.segmenter import FRAME_LENGTH

MAX_BLOCK_SAMPLES = 1 << 17
MAX_MESSAGE_LENGTH = 500  # characters
MAX_NOTICES = 20
_REASONS = {"unreadable": UnreadableAudio, "too_large": TooLarge}


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a recording.

    `start` is its first sample at 16 kHz; `speech` has one probability (0..1) for each
    FRAME_LENGTH samples of `waveform`, the last of which may be incomplete in the last block.
    Both arrays are read-only. `expected_s` is about how many seconds the whole recording has, as
    far as its head tells: a guess, that a file may lie about.
    """

    start: int
    waveform: Waveform
    speech: NDArray[np.float32]
    expected_s: float | None = None


@dataclass(frozen=True, slots=True)
class RecordingEnd:
    """The whole recording was read.

    Seconds are processor time; notices say what it had lost. `channel_levels` says how loud
    each channel was, if there were two.
    """

    n_samples: int
    notices: tuple[str, ...]
    decode_s: float
    vad_s: float
    channel_levels: Levels | None = None


class ChildLost(Exception):
    """The child died, hung, or sent nonsense."""


def described(header: Mapping[str, Any]) -> str:
    """A fault that a child reported: its last line, then all of it."""
    fault = str(header["fault"]).strip()
    return f"fault: {fault.rpartition(chr(10))[2]}\n{fault}"


def parse(frame: Frame, n_samples: int) -> Block | RecordingEnd:
    """The block or end that a frame holds.

    Args:
        frame: as received.
        n_samples: of the recording, received so far.

    Raises:
        UnreadableAudio, TooLarge: what the child found wrong with the recording.
        ChildLost: a frame that a sound child never sends.
    """
    header = frame.header
    try:
        if "block" in header:
            return _parse_block(header, frame.payload, n_samples)
        if "end" in header:
            return _parse_end(header, frame.payload, n_samples)
        error = _REASONS[header["reason"]](str(header["message"])[:MAX_MESSAGE_LENGTH])
    except (KeyError, TypeError, ValueError) as cause:
        raise ChildLost(f"unexpected frame: {cause!r}") from cause
    raise error


def _parse_block(header: Mapping[str, Any], payload: bytes | memoryview, n_before: int) -> Block:
    n_samples = header["n_samples"]
    if header["start"] != n_before or not isinstance(n_samples, int):
        raise ValueError("blocks out of order")
    if not 0 < n_samples <= MAX_BLOCK_SAMPLES:
        raise ValueError(f"block of {n_samples} samples")
    values = np.frombuffer(payload, np.float32)
    if len(values) != n_samples + -(-n_samples // FRAME_LENGTH):
        raise ValueError(f"{len(values)} values in a block of {n_samples} samples")
    if not np.abs(values).max() <= 1:  # False for NaN
        raise ValueError("values out of range")
    return Block(n_before, values[:n_samples], values[n_samples:], _parse_expected(header))


def _parse_expected(header: Mapping[str, Any]) -> float | None:
    if header["expected_s"] is None:
        return None
    expected_s = float(header["expected_s"])
    if not 0 <= expected_s < math.inf:
        raise ValueError("an expected length that is none")
    return expected_s


def _parse_end(
    header: Mapping[str, Any], payload: bytes | memoryview, n_before: int
) -> RecordingEnd:
    if header["n_samples"] != n_before:
        raise ValueError("blocks are missing")
    notices = tuple(str(notice)[:MAX_MESSAGE_LENGTH] for notice in header["notices"])
    decode_s, vad_s = float(header["decode_s"]), float(header["vad_s"])
    if not (math.isfinite(decode_s) and math.isfinite(vad_s)):
        raise ValueError("times are no numbers")
    if len(payload) // 2 > n_before // LEVEL_LENGTH:
        raise ValueError("more levels than samples")
    levels = np.frombuffer(payload, np.uint8).reshape(-1, 2) if payload else None
    return RecordingEnd(n_before, notices[:MAX_NOTICES], decode_s, vad_s, levels)
