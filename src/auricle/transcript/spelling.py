"""Phrases that a caller named are written as the caller wrote them."""

import re
from collections.abc import Iterable

from auricle.transcript.joining import SPACED_WORD_CHARACTER, is_unspaced


class Spelling:
    """The casing of some phrases, wherever they stand as whole words. Lengths never change."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """Phrases whose length depends on their casing (`İ`) are left as they are heard."""
        self._phrases = {
            phrase.lower(): phrase
            for phrase in phrases
            if phrase and len(phrase) == len(phrase.lower())
        }
        by_length = sorted(self._phrases, key=len, reverse=True)
        self._longest = len(by_length[0]) if by_length else 0
        self._pattern = re.compile("|".join(map(_as_words, by_length)), re.IGNORECASE)

    def apply(self, text: str) -> str:
        """The text with its phrases as they are to be written; as long as before."""
        if not self._phrases:
            return text
        return self._pattern.sub(lambda found: self._spelt(found.group()), text)

    def settled(self, text: str, first: int = 0) -> int:
        """Characters of a growing text that no phrase, from the `first` on, can still change."""
        for start in range(max(first, len(text) - self._longest), len(text)):
            if _goes_on(text, start):
                continue
            rest = text[start:].lower()
            if any(phrase.startswith(rest) for phrase in self._phrases):
                return start
        return len(text)

    def _spelt(self, found: str) -> str:
        return self._phrases.get(found.lower(), found)


def _as_words(phrase: str) -> str:
    """The expression that finds a phrase where it is not a part of a longer word."""
    before = "" if is_unspaced(phrase[0]) else f"(?<!{SPACED_WORD_CHARACTER})"
    after = "" if is_unspaced(phrase[-1]) else f"(?!{SPACED_WORD_CHARACTER})"
    return before + re.escape(phrase) + after


def _goes_on(text: str, start: int) -> bool:
    """Whether the character at `start` is not the first of its word."""
    pair = text[max(0, start - 1) : start + 1]
    return re.fullmatch(f"{SPACED_WORD_CHARACTER}{{2}}", pair) is not None
