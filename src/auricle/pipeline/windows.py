"""Utterances packed into the windows an engine is given, and times mapped back.

Whisper costs the same for a second as for thirty, so utterances of one recording share a
window. Pauses inside are kept up to a second, the rest of a long pause is left out: that reads
as continuous speech, wastes little and costs no words. Windows end in pauses.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from auricle.audio.waveform import SAMPLE_RATE, Span, Waveform
from auricle.vad.pauses import PauseFinder


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """Lengths in seconds.

    When more speech is pending than `max_s`, a window is closed at the longest pause that
    leaves it at least `min_s` long. The first window of a recording that needs more than one
    is shorter, between `first_min_s` and `first_max_s`: its text is what the caller waits for. If
    the recording is expected to last `long_s` that window is closed as soon as there is enough: at
    a pause longer than `kept_pause_s`, or, once `first_max_s` are pending, in the longest pause
    so far, however short.
    """

    max_s: float = 30.0
    min_s: float = 24.0
    first_min_s: float = 7.0
    first_max_s: float = 13.0
    long_s: float = 60.0
    kept_pause_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the recording inside a window; all in samples.

    `at` is where it lies in the window, `start` where it lies in the recording. `speech` are
    the spans of speech in it, `pauses` the pauses, also those too short to part spans; both on
    the recording's clock.
    """

    at: int
    start: int
    n_samples: int
    speech: tuple[Span, ...]
    pauses: tuple[Span, ...] = ()

    @property
    def end(self) -> int:
        """First sample of the recording behind it."""
        return self.start + self.n_samples


@dataclass(frozen=True, slots=True)
class Window:
    """What is sent to the engine, and how its clock relates to the recording's."""

    waveform: Waveform
    pieces: tuple[Piece, ...]

    @property
    def start_s(self) -> float:
        """Where it begins in the recording, in seconds."""
        return self.pieces[0].start / SAMPLE_RATE

    @property
    def end_s(self) -> float:
        """Where it ends in the recording, in seconds."""
        return self.pieces[-1].end / SAMPLE_RATE

    @property
    def duration_s(self) -> float:
        """Its own length, in seconds."""
        return len(self.waveform) / SAMPLE_RATE

    @property
    def pauses(self) -> list[Span]:
        """Pauses of the recording in it, apart from each other; what it leaves out is one too."""
        left_out = [Span(a.end, b.start) for a, b in pairwise(self.pieces) if a.end < b.start]
        pauses: list[Span] = []
        for pause in sorted([*left_out, *(p for piece in self.pieces for p in piece.pauses)]):
            if pauses and pause.start <= pauses[-1].end:
                pauses[-1] = Span(pauses[-1].start, pause.end)
            else:
                pauses.append(pause)
        return pauses

    @property
    def speech_s(self) -> tuple[tuple[float, float], ...]:
        """The stretches of speech on the window's own clock, in seconds."""
        return tuple(
            (
                (span.start - piece.start + piece.at) / SAMPLE_RATE,
                (span.end - piece.start + piece.at) / SAMPLE_RATE,
            )
            for piece in self.pieces
            for span in piece.speech
        )

    def to_recording_s(self, seconds: float, *, is_end: bool = False) -> float:
        """A time in the window as a time of the recording.

        Where two pieces meet, an end belongs to the earlier and a start to the later one.
        """
        sample = round(seconds * SAMPLE_RATE)
        starts = [piece.at for piece in self.pieces]
        i = max(0, bisect_right(starts, sample - 1 if is_end else sample) - 1)
        piece = self.pieces[i]
        return (piece.start + min(max(0, sample - piece.at), piece.n_samples)) / SAMPLE_RATE

    def speech_after_s(self, seconds: float) -> float:
        """How much speech lies behind a time in the window, in seconds."""
        at = round(self.to_recording_s(seconds) * SAMPLE_RATE)
        spans = (span for piece in self.pieces for span in piece.speech)
        return sum(max(0, span.end - max(span.start, at)) for span in spans) / SAMPLE_RATE

    def tail(self, seconds: float) -> "Window":
        """What lies behind a time in the window, as a window of its own."""
        cut = min(round(seconds * SAMPLE_RATE), len(self.waveform) - 1)
        pieces = []
        for piece in self.pieces:
            skipped = max(0, cut - piece.at)
            if skipped < piece.n_samples:
                start = piece.start + skipped
                speech, pauses = _behind(piece.speech, start), _behind(piece.pauses, start)
                at = max(0, piece.at - cut)
                pieces.append(Piece(at, start, piece.n_samples - skipped, speech, pauses))
        return Window(self.waveform[cut:], tuple(pieces))


def _before(spans: Sequence[Span], end: int) -> tuple[Span, ...]:
    return tuple(Span(span.start, min(span.end, end)) for span in spans if span.start < end)


def _behind(spans: Sequence[Span], start: int) -> tuple[Span, ...]:
    return tuple(Span(max(span.start, start), span.end) for span in spans if span.end > start)


class WindowPacker:
    """Collects audio and spans of speech, gives windows. Pure state; owner: one transcription.

    It holds the audio since the oldest span that is not yet in a window, and a second before.
    """

    def __init__(self, options: WindowOptions) -> None:
        self._options = options
        self._audio: list[Waveform] = []
        self._audio_start = 0  # sample of the recording where _audio begins
        self._audio_end = 0
        self._spans: list[Span] = []
        self._pauses = PauseFinder()
        self._is_first = True
        self._begins_at = 0  # sample: what was before went out with the first window

    def add_audio(self, waveform: Waveform, speech: Iterable[float] = ()) -> None:
        """The next samples of the recording, and the speech probability of each frame in them."""
        self._audio.append(waveform)
        self._pauses.feed(speech)
        self._audio_end += len(waveform)

    def add_span(self, span: Span) -> list[Window]:
        """The next span of speech, whose audio is already there; the windows it completes."""
        self._spans += _behind([span], self._begins_at)
        windows = []
        while len(self._spans) > 1 and self._length_s(self._spans) > self._options.max_s:
            windows.append(self._close(self._best_cut()))
        return windows

    def begin(self, expected_s: float, open_start: int | None) -> list[Window]:
        """The first window of a long recording, as soon as it can be closed.

        Args:
            expected_s: how long the recording is, as far as is known.
            open_start: where speech begins that is no span yet, or None; in samples.
        """
        if not self._is_first or expected_s < self._options.long_s:
            return []
        if open_start is None and self._is_enough():
            return self.finish()
        now = [] if open_start is None else [Span(open_start, self._audio_end)]
        spans = [*self._spans, *now]
        if self._length_s(spans) <= self._options.first_max_s:
            return []
        cut = self._early_cut(spans)
        if cut is None:
            return []
        before = _before(spans, cut)
        self._spans, self._begins_at = [*before, *_behind(self._spans, cut)], cut
        return [self._close(len(before))]

    def _is_enough(self) -> bool:
        """Whether a long pause follows speech that fills a first window."""
        if not self._spans or self._length_s(self._spans) < self._options.first_min_s:
            return False
        return self._audio_end - self._spans[-1].end > self._options.kept_pause_s * SAMPLE_RATE

    def _early_cut(self, spans: Sequence[Span]) -> int | None:
        """The middle of the longest pause that lies where the first window may end."""
        shortest, longest = self._options.first_min_s, self._options.first_max_s
        pauses = [
            pause
            for pause in self._pauses.between(spans[0].start, spans[-1].end)
            if pause.end < spans[-1].end
            and shortest <= self._length_s(_before(spans, pause.middle)) <= longest
        ]
        return max(pauses, key=lambda pause: pause.n_samples).middle if pauses else None

    def finish(self) -> list[Window]:
        """No more speech follows; the last window, if there is any."""
        return [self._close(len(self._spans))] if self._spans else []

    def drop_before(self, sample: int) -> None:
        """No speech begins before about that sample: older audio than a kept pause can go."""
        if self._spans:
            sample = min(sample, self._spans[0].start)
        keep_from = sample - round(self._options.kept_pause_s * SAMPLE_RATE)
        while self._audio and self._audio_start + len(self._audio[0]) <= keep_from:
            self._audio_start += len(self._audio.pop(0))
        self._pauses.drop_before(self._audio_start)

    def _best_cut(self) -> int:
        """How many of the pending spans the next window takes: at least one, never all."""
        options = self._options
        shortest, longest = options.min_s, options.max_s
        if self._is_first:
            shortest, longest = options.first_min_s, options.first_max_s
        lengths_s = {n: self._length_s(self._spans[:n]) for n in range(1, len(self._spans))}
        fitting = {n: s for n, s in lengths_s.items() if s <= options.max_s}
        wanted = [n for n, s in fitting.items() if shortest <= s <= longest]
        if wanted:
            return max(wanted, key=lambda n: self._spans[n].start - self._spans[n - 1].end)
        later = [n for n, s in fitting.items() if s >= shortest]
        return later[0] if later else max(fitting, default=1)

    def _length_s(self, spans: Sequence[Span]) -> float:
        return sum(end - start for start, end, _ in self._runs(spans)) / SAMPLE_RATE

    def _runs(self, spans: Sequence[Span]) -> list[tuple[int, int, list[Span]]]:
        """Stretches of the recording to keep: spans, with short pauses whole, long ones cut."""
        kept = round(self._options.kept_pause_s * SAMPLE_RATE)
        runs: list[tuple[int, int, list[Span]]] = []
        for span in spans:
            if runs and span.start - runs[-1][1] <= kept:
                start, _, inside = runs[-1]
                runs[-1] = (start, span.end, [*inside, span])
            elif runs:
                start, end, inside = runs[-1]
                runs[-1] = (start, end + kept // 2, inside)
                runs.append((span.start - kept // 2, span.end, [span]))
            else:
                runs.append((span.start, span.end, [span]))
        return runs

    def _close(self, n_spans: int) -> Window:
        """A window of the first pending spans."""
        pieces: list[Piece] = []
        at = 0
        for start, end, inside in self._runs(self._spans[:n_spans]):
            pauses = self._pauses.between(start, end)
            pieces.append(Piece(at, start, end - start, tuple(inside), pauses))
            at += end - start
        audio = self._joined_audio()
        origin = self._audio_start
        waveform = np.concatenate([audio[p.start - origin : p.end - origin] for p in pieces])
        self._spans = self._spans[n_spans:]
        self._is_first = False
        self._split_audio(pieces[-1].end)
        self.drop_before(pieces[-1].end)
        return Window(waveform, tuple(pieces))

    def _split_audio(self, sample: int) -> None:
        """Part the joined audio so that what is older than a kept pause before can be dropped."""
        cut = sample - round(self._options.kept_pause_s * SAMPLE_RATE) - self._audio_start
        if cut > 0:
            self._audio = [self._audio[0][:cut], self._audio[0][cut:].copy()]

    def _joined_audio(self) -> Waveform:
        if len(self._audio) > 1:
            self._audio = [np.concatenate(self._audio)]
        return self._audio[0]
