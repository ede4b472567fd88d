"""Pages of the playground in a real browser, served by the session's server."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from browser.playground import PHONE, Playground
from chromium import chromium
from harness.page import WAIT_MS, Complaints
from harness.server import KEY, Server

OpenPlayground = Callable[..., Playground]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a module."""
    with chromium() as running:
        yield running


@pytest.fixture
def open_playground(browser: Browser, server: Server) -> Iterator[OpenPlayground]:
    """Opens the page; afterwards, nothing may have gone wrong behind it."""
    watched: list[Complaints] = []
    contexts = []

    def open_it(
        *,
        key: str = KEY,
        dark: bool = False,
        phone: bool = False,
        path: str = "/",
        bypass_csp: bool = False,
    ) -> Playground:
        form: dict[str, Any] = PHONE if phone else {"viewport": {"width": 1440, "height": 1000}}
        context = browser.new_context(
            **form,
            bypass_csp=bypass_csp,
            color_scheme="dark" if dark else "light",
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        watched.append(Complaints(page, server.url))
        if key:
            page.add_init_script(f"sessionStorage.setItem('auricle.key', {json.dumps(key)})")
        page.goto(server.url + path)
        return Playground(page)

    yield open_it
    for context in contexts:
        context.close()
    assert [complaint for each in watched for complaint in each.found] == []


@pytest.fixture
def playground(open_playground: OpenPlayground) -> Playground:
    """The page on a desktop, with the key."""
    return open_playground()


@pytest.fixture
def page(playground: Playground) -> Page:
    """The browser's page under `playground`."""
    return playground.page
