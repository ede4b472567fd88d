"""How many decoder processes there should be: enough that some are not held by long recordings."""

from auricle.audio.waveform import SAMPLE_RATE

LONG_S = 90.0
"""A recording of which so much was read is long: from here its reader may hold it up."""
RESERVE = 2
"""Processes that no long recording holds, if the pool has so many at all."""
SLACK = 2
"""Processes kept beyond the need while there are long recordings, which come and go."""


class Hold:
    """One recording's hold on a process. Owner: its reader, who must `end` it."""

    def __init__(self, crew: "Crew") -> None:
        self._crew = crew
        self._is_long = False

    def reaches(self, n_samples: int) -> bool:
        """Note how far the recording was read; whether that just made it a long one."""
        if self._is_long or n_samples < LONG_S * SAMPLE_RATE:
            return False
        self._is_long = True
        self._crew.n_long += 1
        return True

    def end(self) -> None:
        """The process is free again. Safe to call again."""
        self._crew.n_long -= self._is_long
        self._is_long = False


class Crew:
    """Counts processes and holds. Owner: the pool.

    Attributes:
        size: processes there are or that are being started.
        n_long: those that long recordings hold.
    """

    def __init__(self, size: int, max_size: int) -> None:
        self._min_size = size
        self._max_size = max(size, max_size)
        self._reserve = min(size, RESERVE)
        self.size = size
        self.n_long = 0

    def hold(self) -> Hold:
        """A recording takes a process."""
        return Hold(self)

    @property
    def _wanted(self) -> int:
        return min(self._max_size, max(self._min_size, self.n_long + self._reserve))

    @property
    def is_short(self) -> bool:
        """Whether a process is missing."""
        return self.size < self._wanted

    @property
    def has_surplus(self) -> bool:
        """Whether there is a process too many."""
        return self.size > self._wanted + (SLACK if self.n_long else 0)
