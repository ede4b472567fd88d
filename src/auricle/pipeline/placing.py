"""Words from a window's clock to the recording's, and out of the pauses between them.

The alignment says which word is heard when, but where nobody speaks its edges are anywhere: a
word seems to begin with the pause before it, or to last until the next. The speech detector
knows those edges.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from auricle.audio.waveform import SAMPLE_RATE
from auricle.pipeline.windows import Window
from auricle.transcript.model import Word
from auricle.transcript.sentences import ends_sentence

MAX_WORD_S, MAX_CHARACTER_S = 2.0, 0.25
"""Longest word, whatever its text, and for each of its characters: what seems longer swallowed a
noise, or somebody else's speech. The beginning counts, but of a sentence's first word the end."""


def place_words(window: Window, words: Iterable[Word], not_before_s: float) -> list[Word]:
    """The words on the recording's clock, in order and inside the window.

    Args:
        window: in which they were heard.
        words: on the window's clock.
        not_before_s: where the words before them ended, in seconds of the recording.
    """
    pauses = [(pause.start / SAMPLE_RATE, pause.end / SAMPLE_RATE) for pause in window.pauses]
    placed: list[Word] = []
    clock_s = not_before_s
    for word in words:
        start_s = window.to_recording_s(word.start)
        end_s = max(start_s, window.to_recording_s(word.end, is_end=True))
        start_s, end_s = without_pauses(start_s, end_s, pauses)
        longest_s = max(MAX_WORD_S, MAX_CHARACTER_S * len(word.text))
        if placed and ends_sentence(placed[-1], word):
            start_s = max(start_s, end_s - longest_s)
        end_s = min(end_s, start_s + longest_s)
        start_s = max(start_s, clock_s)
        clock_s = end_s = max(start_s, end_s)
        placed.append(replace(word, start=start_s, end=end_s))
    return placed


def without_pauses(
    start_s: float, end_s: float, pauses: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """A word's times without the pauses at its edges.

    Of a word on both sides of a pause the longer part counts. A word that lies in a pause as a
    whole stays where it is: it was too faint for the detector.

    Args:
        start_s: of the word.
        end_s: of the word.
        pauses: in order, apart from each other.
    """
    for first, last in pauses:
        if last <= start_s or first >= end_s:
            continue
        before_s, behind_s = first - start_s, end_s - last
        if max(before_s, behind_s) <= 0:
            break
        if before_s >= behind_s:
            end_s = first
        else:
            start_s = last
    return start_s, end_s
