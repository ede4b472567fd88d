"""Bookkeeping of cache pages: which are free, and how many hold on to each."""

from collections.abc import Sequence

from auricle.engines.whisper.graphs.paged_attention import PAGE_SIZE
from auricle.errors import EngineFailed


def n_pages_of(n_positions: int) -> int:
    """Pages that hold so many positions."""
    return -(-n_positions // PAGE_SIZE)


class PagePool:
    """A fixed number of pages, handed out lowest first so that little memory is touched.

    A page may be held several times (beams share their common past); it is free again when the
    last holder lets go.
    """

    def __init__(self, n_pages: int) -> None:
        self._holders = [0] * n_pages
        self._n_free = n_pages

    @property
    def n_free(self) -> int:
        """Pages nobody holds."""
        return self._n_free

    def take(self, n_pages: int) -> list[int]:
        """Hold that many free pages.

        Raises:
            EngineFailed: there are fewer; the caller kept more rows than it may.
        """
        if n_pages > self._n_free:
            msg = f"bug: {n_pages} cache pages wanted, {self._n_free} free"
            raise EngineFailed(msg)
        pages: list[int] = []
        for page, holders in enumerate(self._holders):
            if len(pages) == n_pages:
                break
            if not holders:
                pages.append(page)
        self._n_free -= n_pages
        for page in pages:
            self._holders[page] = 1
        return pages

    def hold(self, pages: Sequence[int]) -> None:
        """Hold pages once more."""
        for page in pages:
            assert self._holders[page]
            self._holders[page] += 1

    def release(self, pages: Sequence[int]) -> None:
        """Let go of pages."""
        for page in pages:
            self._holders[page] -= 1
            assert self._holders[page] >= 0
            self._n_free += not self._holders[page]
