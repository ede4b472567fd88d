"""Asks the decoder what encoded windows, or stretches of them, are spoken in."""

from collections.abc import Iterable, Iterator, Sequence

from auricle.audio.log_mel import FRAMES_PER_S
from auricle.engines.protocol import Stretch, Utterance
from auricle.engines.whisper.decoding.languages import (
    Probabilities,
    SuspectedChange,
    probabilities_of,
    stretches_to_ask,
    suspected_change,
)
from auricle.engines.whisper.decoding.window import Vocabulary
from auricle.engines.whisper.kernel import Kernel
from auricle.engines.whisper.window_places import CrossState

POSITIONS_PER_S = FRAMES_PER_S // 2
"""The encoder halves the frames."""

ASKED_AT_ONCE = 4
"""Stretches whose language is asked for in one step, where places for windows are free."""


class LanguageListener:
    """Owner: a stepping engine, which keeps a place for windows free."""

    def __init__(self, kernel: Kernel, vocabulary: Vocabulary) -> None:
        self._kernel = kernel
        self._vocabulary = vocabulary

    def suspected_change(self, utterance: Utterance, state: CrossState) -> SuspectedChange | None:
        """Where an encoded utterance may change its language.

        Raises:
            EngineFailed: the decoder failed.
        """
        stretches = stretches_to_ask(utterance.speech)
        if len(stretches) < 2:
            return None
        heard: list[Probabilities] = []
        while len(heard) < len(stretches):
            n_free, _ = self._kernel.free_places()
            n_asked = max(1, min(n_free, ASKED_AT_ONCE))
            asked = stretches[len(heard) : len(heard) + n_asked]
            heard += self._languages_in(self._parts(state, asked))
        return suspected_change(stretches, heard, utterance.duration_s)

    def is_confirmed(self, change: SuspectedChange, state: CrossState) -> bool:
        """Whether the encoded side of a suspected change makes it one.

        Raises:
            EngineFailed: the decoder failed.
        """
        (heard,) = self._languages_in([state])
        return change.is_confirmed_by(heard)

    def _parts(self, state: CrossState, stretches: Sequence[Stretch]) -> Iterator[CrossState]:
        """Stretches of an encoded window, each as a window that is let go of with the next."""
        for stretch in stretches:
            first, last = (
                min(round(edge_s * POSITIONS_PER_S), state.n_positions) for edge_s in stretch
            )
            first = min(first, state.n_positions - 1)
            part = self._kernel.part(state, first, max(1, last - first))
            try:
                yield part
            finally:
                self._kernel.release(part)

    def _languages_in(self, windows: Iterable[CrossState]) -> list[Probabilities]:
        """What windows are spoken in, in one step of the decoder."""
        rows: list[int] = []
        try:
            rows.extend(self._kernel.join(window) for window in windows)
            logits = self._kernel.step({row: [self._vocabulary.tokenizer.sot] for row in rows})
            languages = self._vocabulary.config.languages
            return [probabilities_of(each, languages) for each in logits]
        finally:
            for row in rows:
                self._kernel.leave(row)
