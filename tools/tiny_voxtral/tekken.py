"""A cut vocabulary in Mistral's form, `tekken.json`."""

import base64
import json
import random
from pathlib import Path
from typing import Any

from mistral_common.tokens.tokenizers.base import SpecialTokens
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from tools.tiny_voxtral.sizes import (
    AUDIO,
    BEGIN_AUDIO,
    NUM_SPECIAL,
    STREAMING_PAD,
    STREAMING_WORD,
    TRANSCRIBE,
)

PATTERN = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"
"""The real one is longer; any will do."""


def _special_tokens(*, realtime: bool) -> list[dict[str, Any]]:
    ordinary = Tekkenizer.DEPRECATED_SPECIAL_TOKENS  # ids 0 to 19
    names: dict[int, str] = {token["rank"]: str(token["token_str"]) for token in ordinary}
    names |= {AUDIO: SpecialTokens.audio.value, BEGIN_AUDIO: SpecialTokens.begin_audio.value}
    if realtime:
        names |= {
            STREAMING_PAD: SpecialTokens.streaming_pad.value,
            STREAMING_WORD: SpecialTokens.streaming_word.value,
        }
    else:
        names |= {TRANSCRIBE: SpecialTokens.transcribe.value}
    return [
        {"rank": i, "token_str": str(names.get(i, f"<SPECIAL_{i}>")), "is_control": True}
        for i in range(NUM_SPECIAL)
    ]


def _words(n: int) -> list[str]:
    """Pronounceable words, each one token with its leading space; a few carry non-ASCII letters."""
    rng = random.Random(1)
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiouéü"]
    out: dict[str, None] = {}
    while len(out) < n:
        out[" " + "".join(rng.choices(syllables, k=rng.choice((1, 2, 2, 3))))] = None
    return list(out)


def _vocabulary(n_words: int) -> list[dict[str, Any]]:
    """The 256 bytes, which the loader wants first, and the words.

    Real ranks also hold every prefix of a word; tiktoken looks a whole piece up before it merges,
    so the words alone are enough.
    """
    pieces = [bytes([i]) for i in range(256)] + [word.encode() for word in _words(n_words)]
    return [
        {
            "rank": i,
            "token_bytes": base64.b64encode(piece).decode(),
            "token_str": piece.decode(errors="replace") if i > 127 else chr(i),
        }
        for i, piece in enumerate(pieces)
    ]


def _audio(*, realtime: bool) -> dict[str, Any]:
    audio = {
        "sampling_rate": 16000,
        "frame_rate": 12.5,
        "audio_encoding_config": {"num_mel_bins": 128, "hop_length": 160, "window_size": 400},
    }
    if not realtime:
        return {**audio, "chunk_length_s": 30.0}
    return {
        **audio,
        "chunk_length_s": None,
        "transcription_format": "streaming",
        "transcription_delay_ms": 480,
        "streaming_look_ahead_ms": 2.5,
        "streaming_look_back_ms": 52.5,
        "streaming_n_left_pad_tokens": 32,
    }


def write_tekken(path: Path, n_words: int, *, realtime: bool) -> int:
    """Write the file; returns the size of the vocabulary, special tokens included."""
    vocabulary = _vocabulary(n_words)
    size = NUM_SPECIAL + len(vocabulary)
    content = {
        "config": {
            "pattern": PATTERN,
            "num_vocab_tokens": len(vocabulary),
            "default_vocab_size": size,
            "default_num_special_tokens": NUM_SPECIAL,
            "version": "v7",
        },
        "vocab": vocabulary,
        "special_tokens": _special_tokens(realtime=realtime),
        "audio": _audio(realtime=realtime),
        "version": 1,
        "type": "Tekken",
    }
    path.write_text(json.dumps(content))
    return size
