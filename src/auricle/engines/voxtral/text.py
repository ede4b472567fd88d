"""The text of a model as it comes, made fit to be joined and watched for loops."""

from auricle.engines.protocol import Hypothesis
from auricle.engines.whisper.policy import is_loop
from auricle.transcript.model import Segment


class TidyText:
    """Single spaces between words, none around the whole. Owner: one utterance.

    White space waits until something follows it, so that what was given out is a prefix of the
    whole text, stripped.
    """

    def __init__(self) -> None:
        self._has_text = False
        self._owes_space = False

    def add(self, piece: str) -> str:
        """The next piece, tidied; may be empty."""
        words = piece.split()
        if not words:
            self._owes_space = self._owes_space or (bool(piece) and self._has_text)
            return ""
        begins_apart = self._owes_space or (self._has_text and piece[0].isspace())
        self._owes_space = piece[-1].isspace()
        self._has_text = True
        return (" " if begins_apart else "") + " ".join(words)


class LoopWatch:
    """Notices when a text does nothing but repeat itself. Owner: one utterance."""

    def __init__(self) -> None:
        self._text = ""

    def is_looping(self, piece: str) -> bool:
        """Take the next piece; whether the words so far end in a run that repeats for long."""
        self._text += piece
        words = self._text.split()[:-1]  # the last may not be complete
        return is_loop([hash(word) for word in words])


def plain_hypothesis(text: str, duration_s: float, language: str | None) -> Hypothesis:
    """What such a model tells of an utterance: its text. Its language is the caller's, if any."""
    return Hypothesis(
        segments=(Segment(text, 0.0, duration_s),) if text else (),
        language=language or "",
        language_probability=0.0 if language is None else 1.0,
        no_speech_probability=0.0,
        end_s=duration_s,
    )
