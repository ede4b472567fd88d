"""Windows that were heard one by one, written as if the recording had been heard as a whole.

A window that ends inside a sentence is often given a full stop, and the next a capital letter. What
the other one says tells: after a small letter the stop goes, and a word that is written small in
sentences is written small when its sentence began in the window before.
"""

import re
from dataclasses import replace
from itertools import pairwise

from auricle.pipeline.heard import Heard, Said
from auricle.pipeline.windows import Window
from auricle.transcript.joining import join_texts
from auricle.transcript.model import Segment, Word

LONGEST_PAUSE_S = 0.7
"""Between the windows' edges, within which a sentence may go on."""

_SENTENCE_END = (".", "!", "?", "…")
_FIRST_WORD = re.compile(r"\s*(\S+)\s")
_ABBREVIATION = re.compile(r"(?:\s|^)(?:\w|[^\W\d_a-z][^\W\d_]{1,2}|\S*\.\S*)\.$")
"""A letter, a short word with a capital, or one with a stop inside: `E.`, `Mr.`, `U.S.`"""
_OUTER_MARKS = re.compile(r"^\W+|\W+$")


class SentenceJoins:
    """Takes what was heard, in order, and gives it again. Owner: one transcription.

    If the last window with text ends with a full stop, that is held until the next one begins; the
    text before it is said.
    """

    def __init__(self) -> None:
        self._before: Heard | None = None  # the last window with text
        self._is_held = False
        self._opening: str | None = ""  # of the window that is being said; None: it is decided
        self._said = ""  # of that window
        self._first = ""  # the letter it begins with, where that is another
        self._small: set[str] = set()  # words that were written small inside a sentence
        self._great: set[str] = set()  # with a capital letter there

    def feed(self, item: Said | Heard) -> list[Said | Heard]:
        """The next text or window; returns what is certain now."""
        return self._feed_heard(item) if isinstance(item, Heard) else self._feed_said(item)

    def finish(self) -> list[Said | Heard]:
        """Nothing follows."""
        return self._release(drops_stop=False)

    def _feed_said(self, said: Said) -> list[Said | Heard]:
        if self._opening is None:
            self._said += said.text
            return [said]
        self._opening += said.text
        text = self._opening.lstrip()
        word = _FIRST_WORD.match(text)
        if word is None and (self._before is not None or not text):
            return []  # what follows a window is judged by its first word, when that is whole
        released = self._decide(word[1] if word else text, said.window, said.language)
        self._said = self._cased(text)
        return [*released, replace(said, text=self._said)]

    def _feed_heard(self, heard: Heard) -> list[Said | Heard]:
        segments = heard.hypothesis.segments
        if not segments:
            return [*self._release(drops_stop=False), heard]
        released: list[Said | Heard] = []
        if self._opening is not None:
            word = segments[0].text.split(maxsplit=1)[0]
            released = self._decide(word, heard.window, heard.hypothesis.language)
        first, *others = segments
        cased = (_with_first_letter(first, self._cased(first.text)), *others)
        heard = replace(heard, hypothesis=replace(heard.hypothesis, segments=cased))
        self._learn(" ".join(segment.text for segment in cased))
        rest = self._rest(heard)
        self._before, self._opening, self._first, self._said = heard, "", "", ""
        self._is_held = cased[-1].text.endswith(".")
        return [*released, *rest] if self._is_held else [*released, heard]

    def _rest(self, heard: Heard) -> list[Said | Heard]:
        """What of a window's text was not said and will stay as it is."""
        hypothesis = heard.hypothesis
        text = join_texts(segment.text for segment in hypothesis.segments).removesuffix(".")
        if not text.startswith(self._said) or text == self._said:
            return []
        return [Said(heard.window, text[len(self._said) :], hypothesis.language)]

    def _decide(self, word: str, window: Window, language: str) -> list[Said | Heard]:
        """How the window that begins with this word follows the one before."""
        self._opening = None
        before = self._before
        if before is None or before.hypothesis.language != language:
            return self._release(drops_stop=False)
        text = before.hypothesis.segments[-1].text
        is_near = window.start_s - before.window.end_s < LONGEST_PAUSE_S
        is_ended = text.endswith(_SENTENCE_END)
        if word[0].islower():
            drops_stop = is_near and is_ended and _has_plain_stop(text)
            if is_ended and not is_near:
                self._first = word[0].upper()
            return self._release(drops_stop=drops_stop)
        if word[0].isupper() and is_near and not is_ended and self._is_small(word):
            self._first = word[0].lower()
        return self._release(drops_stop=False)

    def _release(self, *, drops_stop: bool) -> list[Said | Heard]:
        if not self._is_held or self._before is None:
            return []
        self._is_held = False
        return [_without_stop(self._before) if drops_stop else self._before]

    def _cased(self, text: str) -> str:
        return self._first + text[1:] if self._first else text

    def _is_small(self, word: str) -> bool:
        bare = _OUTER_MARKS.sub("", word).lower()
        return bare in self._small and bare not in self._great

    def _learn(self, text: str) -> None:
        """Which words are written small, and which are not, behind others of their sentence."""
        words = text.split()
        for before, word in pairwise(words):
            bare = _OUTER_MARKS.sub("", word)
            if bare and not before.endswith(_SENTENCE_END):
                (self._small if bare[0].islower() else self._great).add(bare.lower())


def _has_plain_stop(text: str) -> bool:
    """Whether a text ends with one full stop that belongs to no abbreviation."""
    return text.endswith(".") and not text.endswith("..") and not _ABBREVIATION.search(text)


def _with_first_letter(segment: Segment, text: str) -> Segment:
    if text == segment.text:
        return segment
    words = segment.words
    if words:
        words = (_reworded(words[0], text[0] + words[0].text[1:]), *words[1:])
    return replace(segment, text=text, words=words)


def _without_stop(heard: Heard) -> Heard:
    *others, last = heard.hypothesis.segments
    words = last.words
    if words:
        words = (*words[:-1], _reworded(words[-1], words[-1].text.removesuffix(".")))
    last = replace(last, text=last.text.removesuffix("."), words=words)
    return replace(heard, hypothesis=replace(heard.hypothesis, segments=(*others, last)))


def _reworded(word: Word, text: str) -> Word:
    return replace(word, text=text)
