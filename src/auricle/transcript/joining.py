"""How texts follow each other: with a space, or without one in scripts that have none."""

from collections.abc import Iterable

from auricle.transcript.model import Word

# Code point ranges of scripts written without spaces between words.
_UNSPACED_SCRIPTS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x303F),  # CJK radicals and punctuation
    (0x3040, 0x30FF),  # kana
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK
    (0xF900, 0xFAFF),  # CJK compatibility
    (0xFF00, 0xFFEF),  # full-width forms
    (0x20000, 0x3FFFF),  # CJK extensions
)

_UNSPACED = "".join(f"{chr(first)}-{chr(last)}" for first, last in _UNSPACED_SCRIPTS)
SPACED_WORD_CHARACTER = rf"[^\W{_UNSPACED}]"
"""A regular expression: a letter or digit of a script that separates words by spaces."""


def is_unspaced(character: str) -> bool:
    """Whether the character belongs to a script without spaces between words."""
    code = ord(character)
    return any(first <= code <= last for first, last in _UNSPACED_SCRIPTS)


def separator(before: str, after: str) -> str:
    """What stands between two texts: a space, or nothing where a side is empty or unspaced."""
    if not before or not after or before[-1].isspace():
        return ""
    return "" if is_unspaced(before[-1]) or is_unspaced(after[0]) else " "


def join_texts(texts: Iterable[str]) -> str:
    """The texts as one, each stripped of its outer spaces."""
    joined = ""
    for text in texts:
        stripped = text.strip()
        joined += separator(joined, stripped) + stripped
    return joined


def join_words(words: Iterable[Word]) -> str:
    """The words as they were written: the text of their segment."""
    joined = ""
    for word in words:
        joined += word.text if word.glued or not joined else f" {word.text}"
    return joined
