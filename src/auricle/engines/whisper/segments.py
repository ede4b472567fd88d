"""From the tokens of a window to segments with times.

In timestamp mode Whisper frames each segment: `<|0.00|> text <|2.40|><|2.40|> text <|5.00|>`.
A last pair without text says that more follows which the model left for the next window; a
single last timestamp, that the rest of the window is silent (Radford et al. 2022, section 4.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from auricle.engines.whisper.tokenizer import WhisperTokenizer


@dataclass(frozen=True, slots=True)
class TokenSegment:
    """Text tokens of one segment; `start_s <= end_s`, seconds into the window."""

    tokens: tuple[int, ...]
    start_s: float
    end_s: float


def up_to_last_time(tokens: Sequence[int], tokenizer: WhisperTokenizer) -> Sequence[int]:
    """The tokens without those behind the last time; all if none but the opening one is there."""
    times = [i for i, token in enumerate(tokens) if tokenizer.is_timestamp(token)]
    return tokens[: times[-1] + 1] if times and times[-1] > 0 else tokens


def split_at_timestamps(
    tokens: Sequence[int], tokenizer: WhisperTokenizer, duration_s: float
) -> tuple[list[TokenSegment], float]:
    """Cut a window's tokens into segments.

    Args:
        tokens: what the decoder gave, timestamps included, without the prompt.
        tokenizer: whose vocabulary the tokens are of.
        duration_s: length of the speech in the window; no time lies behind it.

    Returns:
        The segments that have text, and up to where the tokens reach, in seconds. Text without
        a closing timestamp reaches to the end.
    """
    segments: list[TokenSegment] = []
    text: list[int] = []
    start_s = end_s = 0.0

    def close(at_s: float) -> None:
        if text:
            segments.append(TokenSegment(tuple(text), min(start_s, at_s), at_s))
            text.clear()

    for token in tokens:
        if token == tokenizer.eot:
            break
        if tokenizer.is_timestamp(token):
            end_s = max(end_s, min(tokenizer.seconds(token), duration_s))
            close(end_s)
            start_s = end_s
        elif token < tokenizer.eot:
            text.append(token)
    if text:
        end_s = duration_s
        close(end_s)
    return segments, end_s
