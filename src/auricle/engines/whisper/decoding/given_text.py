"""A window whose text is known: only its language, and when it was said, are to be found out."""

from collections.abc import Mapping

from auricle.engines.protocol import DecodeOptions, Utterance
from auricle.engines.whisper.decoding.context import ContextPolicy
from auricle.engines.whisper.decoding.rules import LogitRow
from auricle.engines.whisper.decoding.search import Decoded
from auricle.engines.whisper.decoding.window import (
    Vocabulary,
    WindowDecoding,
    WindowResult,
    WindowRows,
)
from auricle.engines.whisper.policy import DecodePolicy

MAX_TEXT_TOKENS = 440
"""Whisper has 448 positions, and a prompt stands before the text."""


class GivenText(WindowDecoding):
    """Hears the language as any window does; the result's tokens are those of the text.

    A text of more than `MAX_TEXT_TOKENS` cannot be placed: its result has no tokens.
    """

    def __init__(
        self,
        kernel: WindowRows,
        vocabulary: Vocabulary,
        policy: DecodePolicy,
        context: ContextPolicy,
        *,
        options: DecodeOptions,
        utterance: Utterance,
    ) -> None:
        super().__init__(kernel, vocabulary, policy, context, options=options, utterance=utterance)
        tokens = (
            vocabulary.tokenizer.encode_phrase(options.given_text) if options.given_text else []
        )
        if len(tokens) > MAX_TEXT_TOKENS:
            tokens = []
        self._given = Decoded(tuple(tokens), (0.0,) * len(tokens), 0.0)

    def advance(self, logits: Mapping[int, LogitRow]) -> WindowResult | None:
        """See `WindowDecoding`: the first logits tell the language, and nothing follows."""
        if not self.language and not self.hears_language(logits):
            return None
        return self.result_of(self._given)
