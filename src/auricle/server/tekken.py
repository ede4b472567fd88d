"""Counts Tekken tokens, the unit of `usage`, with the vocabulary that mistral-common ships.

Loaded without importing mistral-common itself, which takes three times as long and keeps a
second copy of the vocabulary.
"""

import asyncio
import base64
import functools
import importlib.util
import re
import threading
from pathlib import Path

import tiktoken

VOCABULARY = "tekken_240911.json"
_ENTRY = re.compile(rb'"rank": (\d+),\s*"token_bytes": "([^"]*)"')


def _vocabulary_path() -> Path:
    spec = importlib.util.find_spec("mistral_common")
    if spec is None or spec.origin is None:
        msg = "the package mistral-common is not installed"
        raise RuntimeError(msg)
    return Path(spec.origin).parent / "data" / VOCABULARY


def _field(text: bytes, name: str, value: bytes) -> bytes:
    match = re.search(b'"' + name.encode() + b'": ' + value, text)
    if match is None:
        msg = f"{VOCABULARY} has no {name}"
        raise RuntimeError(msg)
    return match[1]


def load_encoding(path: Path) -> tiktoken.Encoding:
    """Read a Tekken vocabulary file.

    Entry by entry, not with a JSON parser: that would hold the interpreter, and so the event
    loop, for as long as it takes.
    """
    text = path.read_bytes()
    n_special = int(_field(text, "default_num_special_tokens", rb"(\d+)"))
    n_ranks = int(_field(text, "default_vocab_size", rb"(\d+)")) - n_special
    pattern = _field(text, "pattern", rb'"((?:[^"\\]|\\.)*)"').replace(rb"\\", b"\\").decode()
    ranks = {
        base64.b64decode(match[2]): int(match[1])
        for match in _ENTRY.finditer(text)
        if int(match[1]) < n_ranks
    }
    return tiktoken.Encoding("tekken", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


_loading = threading.Lock()


@functools.cache
def _encoding() -> tiktoken.Encoding:
    return load_encoding(_vocabulary_path())


def load() -> tiktoken.Encoding:
    """The encoding, read once in a process; blocks."""
    with _loading:
        return _encoding()


async def count_tokens(text: str) -> int:
    """Number of Tekken tokens of a text, without special tokens."""
    return await asyncio.to_thread(_count, text) if text else 0


def _count(text: str) -> int:
    return len(load().encode_ordinary(text))
