"""Whisper's vocabulary: special tokens, text and pieces of words."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import tokenizers

TIMESTAMP_STEP_S = 0.02
MULTILINGUAL_EOT = 50257  # 50256 in the English-only vocabulary
UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "km", "bo", "yue"})
"""Languages written without spaces between words."""

_ISO_639_1 = {"jw": "jv", "yue": "zh"}
"""Whisper's own codes that have a two-letter standard one."""
_WHISPER = {"jv": "jw"}

_INSIDE_SPECIAL = re.compile(r"(?<=<)(?=\|)")
"""Where a text is parted so that no special token is read in it: all of them begin with `<|`."""

_REPLACEMENT = "\ufffd"  # what an unfinished UTF-8 character decodes to


class WhisperTokenizer:
    """Reads a `tokenizer.json`; works for multilingual and English-only vocabularies."""

    def __init__(self, path: Path) -> None:
        self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        self.eot = self._id("<|endoftext|>")
        self.sot = self._id("<|startoftranscript|>")
        self.no_timestamps = self._id("<|notimestamps|>")
        self.timestamp_begin = self.no_timestamps + 1
        self.transcribe = self._id("<|transcribe|>")
        self.previous = self._id("<|startofprev|>")

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            msg = f"tokenizer has no token {token}"
            raise ValueError(msg)
        return int(found)

    def token(self, token_id: int) -> str | None:
        """The token's own spelling, `<|en|>` for one; None where there is none."""
        found = self._tokenizer.id_to_token(token_id)
        return None if found is None else str(found)

    def language_token(self, language: str) -> int:
        """The id of `<|en|>` and its like; ValueError for a language the model lacks."""
        return self._id(f"<|{_WHISPER.get(language, language)}|>")

    @staticmethod
    def language_of(token: str) -> str:
        """The language a token such as `<|en|>` stands for: two letters wherever there are."""
        code = token[2:-2]
        return _ISO_639_1.get(code, code)

    @property
    def is_multilingual(self) -> bool:
        """Whether this is the multilingual vocabulary, which has one text token more."""
        return self.eot == MULTILINGUAL_EOT

    def prompt(self, language: str) -> list[int]:
        """The tokens before the text, timestamps on."""
        if not self.is_multilingual:
            return [self.sot]
        return [self.sot, self.language_token(language), self.transcribe]

    def encode(self, text: str) -> list[int]:
        """The tokens of a text; what is spelt like a special token is text as well."""
        parts = self._tokenizer.encode_batch(_INSIDE_SPECIAL.split(text), add_special_tokens=False)
        return [token for part in parts for token in part.ids]

    def encode_phrase(self, text: str) -> list[int]:
        """The tokens of a text as they follow a prompt: with a space before it."""
        return self.encode(f" {text.strip()}")

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of the tokens; special tokens and timestamps are left out."""
        return str(self._tokenizer.decode(self.text_tokens(tokens)))

    def text_tokens(self, tokens: Sequence[int]) -> list[int]:
        """The tokens that stand for text: no special ones, no timestamps."""
        return [token for token in tokens if token < self.eot]

    def is_timestamp(self, token: int) -> bool:
        """Whether the token is `<|0.00|>` or later."""
        return token >= self.timestamp_begin

    def seconds(self, token: int) -> float:
        """The time a timestamp token stands for, in seconds into the window."""
        return (token - self.timestamp_begin) * TIMESTAMP_STEP_S

    def timestamps(self, first_s: float, before_s: float) -> range:
        """The timestamp tokens of the times from the first on and before the second."""
        first, last = (math.ceil(s / TIMESTAMP_STEP_S - 1e-6) for s in (first_s, before_s))
        return range(self.timestamp_begin + first, self.timestamp_begin + last)

    def pieces(self, tokens: Sequence[int]) -> Iterator[tuple[str, int]]:
        """The shortest runs of tokens that decode to whole characters, with their lengths."""
        full = self.decode(tokens)
        position, pending = 0, list[int]()
        for token in tokens:
            pending.append(token)
            text = self.decode(pending)
            cut = text.find(_REPLACEMENT)
            is_whole = cut < 0 or full[position + cut : position + cut + 1] == _REPLACEMENT
            if is_whole:
                yield text, len(pending)
                position += len(text)
                pending = []
        if pending:
            yield self.decode(pending), len(pending)
