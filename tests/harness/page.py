"""A page in a browser: what its microphone hears, and what it complains about."""

from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, Request

WAIT_MS = 60_000
"""Generous: the machine may be busy."""


def microphone(recording: Path) -> tuple[str, ...]:
    """Arguments for a browser whose microphone hears a WAV file, once."""
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording}%noloop",
    )


class Complaints:
    """What a page should never do: errors on its console, exceptions, requests to elsewhere."""

    def __init__(self, page: Page, origin: str) -> None:
        self.found: list[str] = []
        self._origin = origin
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.found.append(f"exception: {error}"))
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        # An answer with an error status is told of on the console, whoever handles it.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.found.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self._origin, "blob:", "data:")):
            self.found.append(f"request to {request.url}")
