"""Pauses in speech, finer than spans: what the edges of words are corrected by.

Spans are cut for recognition, with room at their edges. Here every run of frames without speech
counts, as soon as it is longer than the stop in the middle of a word.
"""

from collections.abc import Iterable

from auricle.audio.waveform import Span
from auricle.vad.segmenter import FRAME_LENGTH

THRESHOLD = 0.5
MIN_PAUSE = 5  # frames, 160 ms
HANGOVER = 2 * FRAME_LENGTH
"""Samples for which the detector goes on hearing speech that has ended; never a whole pause."""


class PauseFinder:
    """Collects the pauses of a recording, in order. Pure state; owner: one transcription."""

    def __init__(self) -> None:
        self._pauses: list[Span] = []
        self._n_frames = 0
        self._n_silent = 0  # frames at the end

    def feed(self, probabilities: Iterable[float]) -> None:
        """Take further frames: the speech probability of each FRAME_LENGTH samples, 0..1."""
        for probability in probabilities:
            if probability >= THRESHOLD:
                self._pauses += self._open()
                self._n_silent = 0
            else:
                self._n_silent += 1
            self._n_frames += 1

    def between(self, start: int, end: int) -> tuple[Span, ...]:
        """The pauses in a stretch of the recording, cut to it; all in samples."""
        cut = (
            Span(max(pause.start, start), min(pause.end, end))
            for pause in [*self._pauses, *self._open()]
        )
        return tuple(pause for pause in cut if pause.n_samples > 0)

    def drop_before(self, sample: int) -> None:
        """Nothing before that sample will be asked for."""
        while self._pauses and self._pauses[0].end <= sample:
            self._pauses.pop(0)

    def _open(self) -> list[Span]:
        """The pause at the end, if it is one yet."""
        if self._n_silent < MIN_PAUSE:
            return []
        first = self._n_frames - self._n_silent
        start = max(0, first * FRAME_LENGTH - HANGOVER)
        return [Span(start, self._n_frames * FRAME_LENGTH)]
