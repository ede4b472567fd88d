"""Speech probabilities in, spans of speech out: one state machine for files and live audio.

A file is the live case fed at once, so both segment alike. Times are in frames inside, in
samples outside. A span goes out as soon as its end is certain: `min_silence_ms` after its last
frame of speech, or at once when it reached `max_speech_s`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from auricle.audio.waveform import SAMPLE_RATE, Span

FRAME_LENGTH = 512
"""Samples per probability, 32 ms."""

_FRAMES_PER_S = SAMPLE_RATE / FRAME_LENGTH


def _n_frames(ms: float) -> int:
    return max(1, round(ms / 1000 * _FRAMES_PER_S))


@dataclass(frozen=True, slots=True)
class SegmenterOptions:
    """What counts as speech.

    Speech begins at a frame of at least `threshold` and goes on while frames reach
    `exit_threshold`; shorter pauses than `min_silence_ms` belong to it. Less than
    `min_speech_ms` between start and end is no speech. `pad_ms` is added on both sides as far
    as there is room. Speech longer than `max_speech_s` is cut: at the longest pause in its second
    half, or else where speech is least probable there.
    """

    threshold: float = 0.5
    exit_threshold: float = 0.35
    min_speech_ms: int = 96
    min_silence_ms: int = 320
    pad_ms: int = 200
    max_speech_s: float = 28.0

    def __post_init__(self) -> None:
        """Check what the state machine relies on.

        Raises:
            ValueError: thresholds out of order, padding over the silence, or a tiny maximum.
        """
        if not 0 < self.exit_threshold <= self.threshold <= 1:
            raise ValueError("needs 0 < exit_threshold <= threshold <= 1")
        if not 0 <= self.pad_ms <= self.min_silence_ms:
            raise ValueError("needs 0 <= pad_ms <= min_silence_ms")
        if self.max_speech_s * 1000 < 2 * (self.min_silence_ms + self.min_speech_ms):
            raise ValueError("max_speech_s is too short for the silence and speech it must hold")


class Segmenter:
    """The state machine. One per recording or live session; its owner is its only caller."""

    def __init__(self, options: SegmenterOptions | None = None) -> None:
        options = options or SegmenterOptions()
        self._threshold = options.threshold
        self._exit_threshold = options.exit_threshold
        self._min_speech = _n_frames(options.min_speech_ms)
        self._min_silence = _n_frames(options.min_silence_ms)
        self._max_speech = _n_frames(options.max_speech_s * 1000)
        self._pad = options.pad_ms * SAMPLE_RATE // 1000  # samples
        self._n_frames = 0  # seen
        self._floor = 0  # sample: end of the last span, where the next may begin
        self._start = 0  # frame: where the open speech began
        self._open: list[float] = []  # its probabilities; empty: no speech is open
        self._n_silent = 0  # frames of pause at its end

    @property
    def is_speaking(self) -> bool:
        """Whether speech is open that will become a span."""
        return len(self._open) - self._n_silent >= self._min_speech

    @property
    def open_start(self) -> int | None:
        """Sample at which the span now open begins, padding included; None without one."""
        return self._padded_start() if self.is_speaking else None

    def feed(self, probabilities: Iterable[float]) -> list[Span]:
        """Take further frames, in order; returns the spans whose end became certain.

        Args:
            probabilities: speech probability of each FRAME_LENGTH samples, 0..1.
        """
        spans: list[Span] = []
        for probability in probabilities:
            spans.extend(self._step(float(probability)))
        return spans

    def finish(self, n_samples: int) -> list[Span]:
        """The recording ended after `n_samples`; returns the last span, if speech was open."""
        spans = self._close(self._n_frames - self._n_silent, self._pad)
        clipped = (Span(span.start, min(span.end, n_samples)) for span in spans)
        return [span for span in clipped if span.n_samples > 0]

    def _step(self, probability: float) -> list[Span]:
        self._n_frames += 1
        if not self._open:
            if probability < self._threshold:
                return []
            self._start = self._n_frames - 1
        self._open.append(probability)
        self._n_silent = self._n_silent + 1 if probability < self._exit_threshold else 0
        if self._n_silent >= self._min_silence:
            return self._close(self._n_frames - self._n_silent, self._n_silent * FRAME_LENGTH)
        if len(self._open) >= self._max_speech:
            return self._cut()
        return []

    def _padded_start(self) -> int:
        return max(self._floor, self._start * FRAME_LENGTH - self._pad)

    def _close(self, end: int, room: int) -> list[Span]:
        """End the open speech before frame `end`; `room` samples behind it are free to pad."""
        n_speech = end - self._start if self._open else 0
        self._open, self._n_silent = [], 0
        if n_speech < self._min_speech:
            return []
        start = self._padded_start()
        self._floor = end * FRAME_LENGTH + min(self._pad, room)
        return [Span(start, self._floor)]

    def _cut(self) -> list[Span]:
        """Speech goes on past the maximum: end it earlier and take up again behind that."""
        end, resume = self._best_cut()
        rest, n_silent = self._open[resume:], min(self._n_silent, len(self._open) - resume)
        spans = self._close(self._start + end, (resume - end) * FRAME_LENGTH // 2)
        self._start += resume
        self._open, self._n_silent = rest, n_silent
        return spans

    def _best_cut(self) -> tuple[int, int]:
        """Where to end and where to resume, in frames of the open speech; equal without a pause."""
        first = len(self._open) // 2
        best_start, best_end = first, first
        start = first
        for i in range(first, len(self._open)):
            if self._open[i] >= self._exit_threshold:
                start = i + 1
            elif i + 1 - start >= best_end - best_start:
                best_start, best_end = start, i + 1
        if best_end > best_start:
            return best_start, best_end
        lowest = min(range(first, len(self._open)), key=lambda i: (self._open[i], -i))
        return lowest, lowest
