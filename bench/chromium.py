"""Chromium, driven by Playwright: where it is and how it starts."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_MS = 60_000
"""Generous: the machine may be busy."""


def find_chromium() -> str | None:
    """The browser's path, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A running browser.

    Playwright's event loop runs as long as the browser does, and no other may start meanwhile:
    enter this for a module at most.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=[*QUIET, *more], timeout=START_MS
        )
        try:
            yield browser
        finally:
            browser.close()
