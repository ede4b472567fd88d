"""The microphone, which hears a real clip."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from auricle.scoring.text import normalize_basic
from browser.conftest import OpenPlayground
from browser.looks import check
from chromium import chromium
from harness.long_recording import say_repeatedly
from harness.page import microphone
from harness.speech import ASK_NOT

pytestmark = pytest.mark.needs("chromium", "web-modules")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    clip: Path = say_repeatedly(ASK_NOT, 1, tmp_path_factory.mktemp("microphone") / "clip.wav")
    with chromium(*microphone(clip)) as running:
        yield running


def test_what_is_said_is_recorded_transcribed_and_played(
    open_playground: OpenPlayground,
) -> None:
    playground = open_playground(bypass_csp=True)
    page = playground.page
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_text("Listening")).to_be_visible()
    expect(page.locator(".recorder-clock")).to_have_text("0:02")
    check(playground, "recording", {"dark": False, "phone": False})
    expect(page.locator(".recorder-clock")).to_have_text(re.compile("0:0[6-9]"))
    page.get_by_role("button", name="Stop and use it").click()
    expect(page.locator(".source")).to_contain_text("recording.webm")
    playground.until_playable()  # its length is found, though its header does not state it
    playground.press()
    playground.until_done()
    assert normalize_basic(playground.text()) == ASK_NOT.words
    playground.word("country").click()
    expect(playground.lit).to_contain_text("country")
