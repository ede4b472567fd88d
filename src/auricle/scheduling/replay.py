"""A second try that goes on where the first one broke off."""

from dataclasses import replace
from typing import Final as Constant

from auricle.engines.protocol import DecodeEvent, Delta, Failed, Final


class Restarted:
    """Marks, among a job's events, that its utterance is being decoded from the start again."""


RESTARTED: Constant = Restarted()


class Replay:
    """Passes events on so that the caller sees one decoding, however many there were.

    Text that the caller already has must come out of the next try again, to the letter; only
    what follows is passed on. If it does not, the utterance has failed.
    """

    def __init__(self) -> None:
        self._sent = ""
        self._heard = ""

    def pass_on(self, event: DecodeEvent | Restarted) -> DecodeEvent | None:
        """The event as the caller should see it, or None if there is nothing new in it."""
        match event:
            case Restarted():
                self._heard = ""
                return None
            case Delta(text):
                self._heard += text
                return self._delta(event)
            case Final() if not self._heard.startswith(self._sent):
                return _differs()
            case _:
                return event

    def _delta(self, event: Delta) -> DecodeEvent | None:
        if self._sent.startswith(self._heard):
            return None
        if not self._heard.startswith(self._sent):
            return _differs()
        fresh = self._heard[len(self._sent) :]
        self._sent = self._heard
        return replace(event, text=fresh)


def _differs() -> Failed:
    return Failed("the second try said something else than the first")
