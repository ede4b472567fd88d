"""What is compared when texts are scored: normalised words, or characters.

The basic normaliser is Whisper's (appendix C of its paper), written here so that scoring needs no
package. The English one is a table of spellings and numbers; who wants it passes it in, as well
as the mapping of traditional to simplified Chinese.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

Normalizer = Callable[[str], str]
"""Maps a text as written to the form in which it is compared, words separated by spaces."""

CHARACTER_LANGUAGES = frozenset({"zh", "ja", "ko"})
"""Languages scored by characters: they are written without spaces, or with variable ones."""

_BRACKETED = re.compile(r"[<\[][^>\]]*[>\]]")
_PARENTHESISED = re.compile(r"\(([^)]+?)\)")


def normalize_basic(text: str) -> str:
    """Lower case, no bracketed remarks; marks, symbols and punctuation become spaces."""
    text = _PARENTHESISED.sub("", _BRACKETED.sub("", text.lower()))
    cleaned = "".join(
        " " if unicodedata.category(character)[0] in "MSP" else character
        for character in unicodedata.normalize("NFKC", text)
    )
    return " ".join(cleaned.lower().split())


def scored_tokens(
    text: str, language: str, normalizers: Mapping[str, Normalizer] | None = None
) -> list[str]:
    """The units that errors are counted in: words, or characters for zh, ja and ko.

    Args:
        text: as written; may be empty.
        language: two-letter code of the reference, which both sides of a comparison use.
        normalizers: by language code, used in place of the basic one.
    """
    normalized = (normalizers or {}).get(language, normalize_basic)(text)
    words = normalized.split()
    return list("".join(words)) if language in CHARACTER_LANGUAGES else words
