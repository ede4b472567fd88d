"""The text before an utterance, as Whisper is given it: a token that announces it, then its end."""

from auricle.engines.protocol import DecodeOptions
from auricle.engines.whisper.tokenizer import WhisperTokenizer

MAX_PREVIOUS_TOKENS = 220
"""Whisper has 448 positions: four go to the prompt, 224 to the utterance's own text.

openai/whisper gives 223 to the text before, and ends the utterance's sooner.
"""


def previous_tokens(
    options: DecodeOptions, language: str, tokenizer: WhisperTokenizer
) -> list[int]:
    """What stands before the prompt: `<|startofprev|>` and the end of the text, or nothing.

    Nothing too where the utterance is in another language than the recording so far: text in one
    language makes Whisper translate the other.
    """
    is_foreign = options.language_hint not in {None, language}
    if is_foreign or not options.previous_text.strip():
        return []
    tokens = tokenizer.encode_phrase(options.previous_text)
    return [tokenizer.previous, *tokens[-MAX_PREVIOUS_TOKENS:]]
