"""Tokenizers of Whisper's exact sizes: bytes as the first tokens, then words that say their id."""

import json
from pathlib import Path

MULTILINGUAL_TEXT = 50257
ENGLISH_TEXT = 50256
LANGUAGES = ("en", "de", "ja")
N_LANGUAGES = 99
N_TIMESTAMPS = 1501
N_BYTES = 256


def _byte_characters() -> list[str]:
    """GPT-2's printable stand-in for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(others)) for b in range(N_BYTES)]


def byte_tokens(text: str) -> list[int]:
    """The text as tokens, one a byte."""
    return list(text.encode())


def write_tokenizer(folder: Path, *, multilingual: bool) -> int:
    """`tokenizer.json` and CTranslate2's `config.json`; returns the size of the vocabulary."""
    n_text = MULTILINGUAL_TEXT if multilingual else ENGLISH_TEXT
    vocabulary = {character: i for i, character in enumerate(_byte_characters())}
    vocabulary |= {f"\u0120w{i}": i for i in range(N_BYTES, n_text)}  # U+0120 stands for a space
    languages = [f"<|{code}|>" for code in LANGUAGES]
    languages += [f"<|x{i}|>" for i in range(N_LANGUAGES - len(languages))]
    special = ["<|endoftext|>", "<|startoftranscript|>", *languages, "<|translate|>"]
    special += ["<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    special += ["<|notimestamps|>"]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": n_text + i, "content": token, "special": True, **flags}
            for i, token in enumerate(special)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    first_language = n_text + 2
    config = {
        "suppress_ids": [1, 2, 7, n_text + 1],
        "suppress_ids_begin": [220, n_text],
        "alignment_heads": [[0, 0], [1, 1]],
        "lang_ids": list(range(first_language, first_language + N_LANGUAGES)),
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return n_text + len(special) + N_TIMESTAMPS
