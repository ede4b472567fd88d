"""What a window is told of the text before it."""

from auricle.engines.protocol import Hypothesis
from auricle.pipeline.windows import Window
from auricle.transcript.joining import join_texts

LONGEST_GAP_S = 5.0
"""Between two windows; behind a longer one the text before is forgotten."""
MAX_CHARACTERS = 1000
"""Of the text before that are kept: more than an engine looks at in most languages."""


class PreviousText:
    """The text that stands before the next window. Owner: one transcription.

    The caller's prompt, and, where windows are told of each other, what was heard before. That is
    forgotten where an error would be handed on or the subject may be another: behind a window that
    was doubted, a change of language, a long gap.
    """

    def __init__(self, prompt: str, *, keeps_heard: bool) -> None:
        """Start with the caller's prompt, "" for none; without `keeps_heard` it is all there is."""
        self._prompt = prompt
        self._keeps_heard = keeps_heard
        self._heard = ""
        self._language: str | None = None
        self._end_s = 0.0

    def before(self, window: Window, language: str | None) -> str:
        """What to tell the engine with this window; the windows before it were given to `note`.

        Text in another language than the expected one is left out: Whisper would translate.
        """
        if window.start_s - self._end_s > LONGEST_GAP_S:
            self._heard = ""
        heard = self._heard if language in {None, self._language} else ""
        return join_texts([self._prompt, heard])

    def note(self, window: Window, hypothesis: Hypothesis) -> None:
        """What was heard in a window, or in the first part of it."""
        if not self._keeps_heard or not hypothesis.segments:
            return
        is_certain = not hypothesis.is_doubted and not hypothesis.is_language_left
        before = self._heard if hypothesis.language == self._language else ""
        texts = [segment.text for segment in hypothesis.segments]
        self._heard = join_texts([before, *texts])[-MAX_CHARACTERS:] if is_certain else ""
        self._language = hypothesis.language
        self._end_s = window.end_s
