"""A recording cut into the windows that are analysed, and what is found in one.

The windows overlap, so that every moment is heard in two or three contexts; all of them begin
on the segmentation network's frames, so that windows line up without rounding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.diarization.embedding import Embedding

FRAME_STEP = 270  # samples, 17 ms
FRAME_LENGTH = 991  # samples that a frame is computed from
FRAME_S = FRAME_STEP / SAMPLE_RATE
WINDOW = 10 * SAMPLE_RATE  # samples; what the segmentation network was trained on
STEP = 222 * FRAME_STEP  # samples, 3.7 s

LOCAL_SPEAKERS = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], np.bool_
)
"""Who of three local speakers is in each of the network's sets."""
N_LOCAL = LOCAL_SPEAKERS.shape[1]


@dataclass(frozen=True, slots=True)
class Piece:
    """One local speaker heard alone for a while, as a voice.

    `start` and `end` are frames of the window; `clean_s` is how long nobody else spoke in it, in
    seconds (0 if they always did).
    """

    speaker: int
    start: int
    end: int
    clean_s: float
    embedding: Embedding


@dataclass(frozen=True, slots=True)
class WindowAnalysis:
    """What was found in the window that begins at sample `start`.

    `sets` holds a row of LOCAL_SPEAKERS for each frame, shape (n_frames,). Who is local speaker
    0 in one window may be another in the next.
    """

    start: int
    sets: NDArray[np.uint8]
    pieces: tuple[Piece, ...]

    @property
    def first_frame(self) -> int:
        """The recording's frame that it begins with."""
        return self.start // FRAME_STEP

    @property
    def activity(self) -> NDArray[np.bool_]:
        """Who speaks when, shape (n_frames, N_LOCAL)."""
        return LOCAL_SPEAKERS[self.sets]


@dataclass(frozen=True, slots=True)
class AudioWindow:
    """A stretch of a recording, up to WINDOW samples, from sample `start` on."""

    start: int
    waveform: Waveform


class WindowCutter:
    """Audio in, windows out. Pure state, at most a window and a block; owner: one recording."""

    def __init__(self) -> None:
        self._audio = np.zeros(0, np.float32)
        self._start = 0  # sample of the recording where _audio begins
        self._next = 0  # where the next window begins

    def feed(self, waveform: Waveform) -> list[AudioWindow]:
        """The windows that these samples complete."""
        self._audio = np.concatenate([self._audio, waveform])
        windows = []
        while self._next + WINDOW <= self._end:
            windows.append(self._window(self._next, self._next + WINDOW))
            self._next += STEP
        keep_from = max(self._start, self._end - WINDOW)
        self._audio = self._audio[keep_from - self._start :].copy()
        self._start = keep_from
        return windows

    def finish(self) -> list[AudioWindow]:
        """The end of the recording, if a window does not hold it yet: one window or none."""
        covered = self._next - STEP + WINDOW if self._next else 0
        start = max(0, -(-(self._end - WINDOW) // FRAME_STEP) * FRAME_STEP)
        if self._end - max(covered, start) < FRAME_LENGTH:
            return []
        return [self._window(start, self._end)]

    @property
    def _end(self) -> int:
        return self._start + len(self._audio)

    def _window(self, start: int, end: int) -> AudioWindow:
        return AudioWindow(start, self._audio[start - self._start : end - self._start].copy())
