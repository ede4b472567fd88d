"""Every state of the page, on a desktop and a phone, light and dark: axe finds nothing.

With AURICLE_TEST_SCREENSHOTS=FOLDER each state is also kept as a picture to look at.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from browser.conftest import OpenPlayground
from browser.looks import SCREENSHOTS, check
from browser.playground import Playground
from harness.speech import JFK

pytestmark = pytest.mark.needs("chromium", "web-modules")

LOOKS = [
    pytest.param({"dark": dark, "phone": phone}, id=f"{size}-{colours}")
    for size, phone in (("desktop", False), ("phone", True))
    for colours, dark in (("light", False), ("dark", True))
    if SCREENSHOTS is not None or phone == dark  # all sizes and all colours, each once
]


def nothing_chosen(playground: Playground) -> None:
    expect(playground.page.get_by_text("Drop a recording here")).to_be_visible()


def a_url(playground: Playground) -> None:
    playground.page.get_by_role("button", name="From a URL").click()


def an_error(playground: Playground) -> None:
    playground.page.get_by_label("Address of the recording").fill("ftp://example.org/x.mp3")
    playground.page.get_by_role("button", name="Use it").click()
    playground.press()
    expect(playground.problem).to_be_visible()


def a_recording(playground: Playground) -> None:
    playground.page.get_by_role("button", name="Another").click()
    playground.choose(JFK.path)
    playground.until_playable()
    playground.page.get_by_text("More").click()


def at_work(playground: Playground) -> None:
    playground.page.get_by_text("More").click()
    playground.press()
    expect(playground.page.get_by_role("button", name="Cancel")).to_be_visible()


def a_transcript(playground: Playground) -> None:
    playground.until_done()
    playground.word("country").click()
    playground.page.keyboard.press("k")
    playground.page.get_by_label("Search in the transcript").fill("ask")


def raw(playground: Playground) -> None:
    playground.show_raw()


def the_reference(playground: Playground) -> None:
    playground.page.get_by_role("link", name="API reference").click()
    expect(playground.page.get_by_role("heading", name="Try it")).to_be_visible()
    playground.page.evaluate(  # the first three answers; the rest have the same form
        """for (const each of document.querySelectorAll(
            ".answer:nth-of-type(-n+3), .answer:nth-of-type(-n+3) details"
        )) each.open = true"""
    )


STATES: list[Callable[[Playground], None]] = [
    nothing_chosen,
    a_url,
    an_error,
    a_recording,
    at_work,
    a_transcript,
    raw,
    the_reference,
]


@pytest.mark.parametrize("look", LOOKS)
def test_every_state_is_accessible(open_playground: OpenPlayground, look: dict[str, bool]) -> None:
    locked = open_playground(key="", bypass_csp=True, **look)  # axe sets styles
    expect(locked.page.get_by_label("API key")).to_be_visible()
    check(locked, "locked", look)
    playground = open_playground(bypass_csp=True, **look)
    for state in STATES:
        state(playground)
        check(playground, state.__name__, look)
