"""The recording's own clock: finds holes where packets are missing or a track starts late.

Times of the transcript must be times in the recording, so a hole becomes silence. Formats
without timestamps of their own never show holes.
"""

from collections.abc import Iterator

from av.audio.frame import AudioFrame

MIN_GAP_S = 0.05
"""Smaller ones are jitter."""
MIN_LATE_START_S = 0.1
"""Less before the first frame is the priming of a codec (48 ms in AAC, 93 ms in WMA)."""
MAX_GAP_S = 600.0
"""Larger ones are a clock that jumped, not a pause."""
PIECE_S = 1.0
"""Silence is handed out in pieces of at most this."""


class Timeline:
    """Compares the timestamps of frames with the samples so far."""

    def __init__(self, start_us: int | None) -> None:
        self._next_s = None if start_us is None else start_us / 1e6  # where the next frame belongs
        self._has_begun = False
        self.filled_s = 0.0
        """Silence put in for holes, the late start apart."""

    def missing(self, frame: AudioFrame) -> Iterator[int]:
        """Numbers of samples, at the frame's rate, to put before the frame."""
        gap_s = 0.0
        smallest_s = MIN_GAP_S if self._has_begun else MIN_LATE_START_S
        time_s = frame.time
        if time_s is not None:
            if self._next_s is None:
                self._next_s = time_s
            gap_s = time_s - self._next_s
            if abs(gap_s) > smallest_s or not self._has_begun:
                self._next_s = time_s
        if self._next_s is not None:
            self._next_s += frame.samples / frame.sample_rate
        if smallest_s < gap_s <= MAX_GAP_S:
            yield from self._silence(gap_s, frame.sample_rate)
        self._has_begun = True

    def _silence(self, gap_s: float, sample_rate: int) -> Iterator[int]:
        if self._has_begun:
            self.filled_s += gap_s
        n_left = round(gap_s * sample_rate)
        n_piece = int(PIECE_S * sample_rate)
        while n_left > 0:
            yield min(n_left, n_piece)
            n_left -= n_piece
