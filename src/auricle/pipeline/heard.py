"""What comes back for a window: its text while it is decoded, then all that was heard in it."""

from dataclasses import dataclass

from auricle.engines.protocol import Hypothesis
from auricle.pipeline.windows import Window


@dataclass(frozen=True, slots=True)
class Said:
    """Text of a window that is final, to be appended, and the language it is decoded as."""

    window: Window
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A window, or the rest of one, and what was heard in it. The texts before begin it."""

    window: Window
    hypothesis: Hypothesis
