"""Keys, hostile files, and a server that goes away."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.conftest import OpenPlayground
from browser.playground import Playground
from harness.server import KEY, Server

pytestmark = pytest.mark.needs("chromium")


def test_a_key_is_asked_for_and_kept_for_the_tab(open_playground: OpenPlayground) -> None:
    playground = open_playground(key="")
    page = playground.page
    field = page.get_by_label("API key")
    field.fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("The server does not know this key.")
    field.fill(KEY)
    field.press("Enter")
    expect(page.get_by_text("Drop a recording here")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Drop a recording here")).to_be_visible()
    assert page.evaluate("JSON.stringify(localStorage) + document.cookie + location") == (
        "{}" + page.url
    )
    assert KEY not in page.content()
    other_tab = page.context.new_page()
    other_tab.goto(page.url)
    expect(other_tab.get_by_label("API key")).to_be_visible()
    page.get_by_role("button", name="Forget key").click()
    expect(field).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("noise.mp3", b"\xff\xfb\x90" + bytes(range(256)) * 40, "The server cannot do this"),
        ("<img src=x onerror=alert(1)>.wav", b"<script>alert(1)</script>", "cannot do this"),
        ("empty.wav", b"", "cannot do this"),
    ],
)
def test_a_hostile_file_is_told_of(
    playground: Playground, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    recording = tmp_path / name
    recording.write_bytes(content)
    playground.choose(recording)
    expect(playground.page.locator(".source-name strong")).to_have_text(name)
    playground.press()
    expect(playground.problem).to_contain_text(message)
    expect(playground.problem).to_contain_text("request ")
    expect(playground.show_raw()).to_contain_text('"code": "3051"')


def test_a_wrong_field_is_named(playground: Playground) -> None:
    playground.choose_url("ftp://example.org/x.mp3")
    playground.press()
    expect(playground.problem).to_contain_text("A field is missing or wrong")
    expect(playground.problem).to_contain_text("file_url:")


def test_a_server_that_goes_away(playground: Playground, server: Server) -> None:
    playground.choose_url("https://example.org/x.mp3")
    playground.page.route(f"{server.url}/v1/**", lambda route: route.abort("connectionrefused"))
    playground.press()
    expect(playground.problem).to_contain_text("The server does not answer")
