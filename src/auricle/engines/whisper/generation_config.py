"""What a checkpoint says about decoding: suppressed tokens, languages, alignment heads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auricle.engines.whisper.tokenizer import WhisperTokenizer
from auricle.errors import WeightsError


@dataclass(frozen=True, slots=True)
class GenerationConfig:
    """Read from CTranslate2's `config.json` or Hugging Face's `generation_config.json`.

    `suppressed` are never chosen, `suppressed_at_begin` not as the first token.
    `alignment_heads` are (layer, head) pairs whose cross-attention follows the speech.
    `languages` maps language tokens to their codes (two letters wherever there are; two tokens
    may share one); it is empty in English-only checkpoints.
    """

    suppressed: tuple[int, ...]
    suppressed_at_begin: tuple[int, ...]
    alignment_heads: tuple[tuple[int, int], ...]
    languages: Mapping[int, str]

    @classmethod
    def read(cls, folder: Path, tokenizer: WhisperTokenizer) -> "GenerationConfig":
        """Read it from a checkpoint's folder.

        Raises:
            WeightsError: neither file is there, or it lacks something.
        """
        try:
            if (folder / "generation_config.json").is_file():
                return cls._hugging_face(_json(folder / "generation_config.json"))
            return cls._ctranslate2(_json(folder / "config.json"), tokenizer)
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"{folder} has no readable config.json or generation_config.json: {error}"
            raise WeightsError(msg) from error

    @classmethod
    def _ctranslate2(
        cls, values: Mapping[str, Any], tokenizer: WhisperTokenizer
    ) -> "GenerationConfig":
        languages = {}
        if tokenizer.is_multilingual:
            spellings = ((token, tokenizer.token(token)) for token in values["lang_ids"])
            languages = {token: tokenizer.language_of(text) for token, text in spellings if text}
        return cls(
            tuple(values["suppress_ids"]),
            tuple(values["suppress_ids_begin"]),
            _pairs(values["alignment_heads"]),
            languages,
        )

    @classmethod
    def _hugging_face(cls, values: Mapping[str, Any]) -> "GenerationConfig":
        languages = values.get("lang_to_id") or {}
        return cls(
            tuple(values.get("suppress_tokens") or ()),
            tuple(values.get("begin_suppress_tokens") or ()),
            _pairs(values["alignment_heads"]),
            {token: WhisperTokenizer.language_of(text) for text, token in languages.items()},
        )


def _json(path: Path) -> Mapping[str, Any]:
    values: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def _pairs(heads: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((layer, head) for layer, head in heads)
