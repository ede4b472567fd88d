"""The playground as its user sees it: by roles and labels."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from harness.page import WAIT_MS

expect.set_options(timeout=WAIT_MS)

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


class Playground:
    """An open page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.transcript = page.get_by_role("article", name="Transcript")
        self.words = self.transcript.locator("[data-piece]")
        self.lit = self.transcript.locator(".now")
        self.facts = page.get_by_role("region", name="Usage and timings")
        self.problem = page.get_by_role("alert")
        self.code = page.locator(".code pre code")

    def choose(self, recording: Path) -> None:
        """Take a file."""
        self.page.get_by_label("Choose a file").set_input_files(recording)

    def choose_url(self, url: str) -> None:
        """Take a recording from elsewhere."""
        self.page.get_by_role("button", name="From a URL").click()
        self.page.get_by_label("Address of the recording").fill(url)
        self.page.get_by_role("button", name="Use it").click()

    def until_playable(self) -> None:
        """Wait until the recording is decoded for its waveform."""
        expect(self.page.get_by_role("button", name="Play", exact=True)).to_be_enabled()

    def press(self) -> None:
        """Press the button."""
        self.page.get_by_role("button", name="Transcribe", exact=True).click()

    def until_done(self) -> None:
        """Wait for the end of the transcription."""
        expect(self.facts).to_be_visible()

    def word(self, text: str) -> Locator:
        """The first word that reads like this, punctuation aside."""
        return self.words.filter(has_text=re.compile(rf"^{text}\W*$", re.IGNORECASE)).first

    def text(self) -> str:
        """The transcript as it reads."""
        paragraphs = self.transcript.locator(".phrase p, .tail, .bare").all_inner_texts()
        return " ".join(part.strip() for part in paragraphs)

    def show_code(self, language: str) -> str:
        """The program on the screen."""
        self.page.get_by_role("button", name=language, exact=True).click()
        return self.code.inner_text()

    def show_raw(self) -> Locator:
        """The side that shows what went over the wire."""
        self.page.get_by_role("tab", name="Raw").click()
        return self.page.locator(".raw")
