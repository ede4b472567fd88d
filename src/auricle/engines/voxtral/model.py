"""What is known of a Voxtral model before it is asked anything."""

import math
from dataclasses import dataclass

AUDIO_TOKENS_PER_S = 12.5
CHUNK_S = 30.0
"""The offline encoder takes audio in pieces of that length, the last one padded."""
PROMPT_TOKENS = 16
"""Tokens around the audio: begin, instruction, language, transcribe."""
TEXT_TOKENS_PER_S = 20.0
TEXT_TOKENS_MIN = 48
"""Bounds of an answer: several times what fast speech takes; what needs more is a loop."""
REALTIME_PROMPT_TOKENS = 39
"""Begin, 32 of padding on the left, 6 of delay."""
REALTIME_PADDING_TOKENS = 32 + 17
"""Audio tokens of the padding on the left and on the right."""


@dataclass(frozen=True, slots=True)
class VoxtralModel:
    """A row of the model table as its engine sees it.

    `name` is what the servers call it. The realtime class answers each 80 ms of audio with a
    token and never ends by itself; the offline class ends its text.
    """

    name: str
    languages: tuple[str, ...]
    is_realtime: bool = False

    def max_new_tokens(self, duration_s: float) -> int:
        """How many tokens an answer may have, for so many seconds of audio."""
        if self.is_realtime:
            audio_tokens = REALTIME_PADDING_TOKENS + math.ceil(AUDIO_TOKENS_PER_S * duration_s)
            return audio_tokens - REALTIME_PROMPT_TOKENS
        return TEXT_TOKENS_MIN + math.ceil(TEXT_TOKENS_PER_S * duration_s)

    def max_context(self, duration_s: float) -> int:
        """Tokens of prompt and answer together, at most."""
        if self.is_realtime:
            return REALTIME_PROMPT_TOKENS + self.max_new_tokens(duration_s)
        n_chunks = max(1, math.ceil(duration_s / CHUNK_S))
        audio_tokens = n_chunks * round(AUDIO_TOKENS_PER_S * CHUNK_S)
        return PROMPT_TOKENS + audio_tokens + self.max_new_tokens(duration_s)
