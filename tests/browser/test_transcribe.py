"""From a recording to a transcript one can listen along, search, copy and take away."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from auricle.scoring.text import normalize_basic
from browser.playground import Playground
from harness.long_recording import say_repeatedly
from harness.media_host import MediaHost
from harness.server import Server
from harness.speech import ASK_NOT, GERMAN, JFK
from harness.waiting import eventually

pytestmark = pytest.mark.needs("chromium")

CUE = re.compile(r"^\d\d:\d\d:\d\d[.,]\d{3} --> \d\d:\d\d:\d\d[.,]\d{3}$", re.MULTILINE)


def downloaded(page: Page, name: str) -> tuple[str, str]:
    """Name and content of a download."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return waiting.value.suggested_filename, waiting.value.path().read_text()


def test_listen_along_search_and_take_away(playground: Playground, page: Page) -> None:
    playground.choose(JFK.path)
    playground.until_playable()
    playground.press()
    playground.until_done()
    assert normalize_basic(playground.text()) == JFK.words
    expect(page.locator(".lane span")).not_to_have_count(0)

    playground.word("country").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(playground.lit).to_have_text(re.compile("^(country|can|do)"))
    expect(playground.lit).to_have_text("you,")  # it goes on with the sound
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("your country")
    expect(page.locator(".search output")).to_have_text("1 of 2")
    expect(playground.transcript.locator(".found")).to_have_count(4)
    page.keyboard.press("Enter")
    expect(page.locator(".search output")).to_have_text("2 of 2")

    text = playground.text()
    playground.transcript.get_by_role("button", name="Copy").click()
    expect(playground.transcript.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text
    assert downloaded(page, "txt") == ("jfk.txt", f"{text}\n")
    name, answer = downloaded(page, "json")
    assert (name, json.loads(answer)["text"]) == ("jfk.json", text)
    assert len(json.loads(answer)["segments"]) == playground.words.count()
    for form in ("srt", "vtt"):
        name, subtitles = downloaded(page, form)
        assert name == f"jfk.{form}"
        assert CUE.search(subtitles)
        assert normalize_basic(text)[:20] in normalize_basic(subtitles)

    expect(playground.facts).to_contain_text(re.compile(r"Real-time factor\s*\d+\.\d+"))
    tokens = str(json.loads(answer)["usage"]["total_tokens"])
    for fact in ("English", tokens, "decode", "queue", "inference"):
        expect(playground.facts).to_contain_text(fact)
    raw = playground.show_raw()
    for part in ("POST /v1/audio/transcriptions", "file: jfk.mp3 (audio/mpeg, 76.4 kB)", "200 OK"):
        expect(raw).to_contain_text(part)
    for event in ("event: transcription.language", "event: transcription.done", ": progress:"):
        expect(raw.get_by_label("Events")).to_contain_text(event)
    assert "Bearer ••••" in raw.inner_text()


def test_the_keyboard_alone_is_enough(playground: Playground, page: Page) -> None:
    playground.choose(ASK_NOT.path)
    playground.until_playable()
    page.keyboard.press("Control+Enter")
    playground.until_done()
    paper = page.get_by_label("Text; the arrow keys move through the words")
    paper.focus()
    page.keyboard.press("ArrowRight")
    first = playground.lit.inner_text()
    page.keyboard.press("ArrowRight")
    expect(playground.lit).not_to_have_text(first)
    page.keyboard.press("ArrowLeft")
    expect(playground.lit).to_have_text(first)
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_words_to_expect(playground: Playground, page: Page) -> None:
    playground.choose(GERMAN.path)
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Words and phrases to expect").fill("Weissenburg, LANDKREISES")
    playground.press()
    playground.until_done()
    assert "des LANDKREISES Weissenburg" in playground.text()


def test_a_dropped_file_in_segments(playground: Playground, page: Page) -> None:
    data = page.evaluate_handle(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.flac", {type: "audio/flac"}));
            return data;
        }""",
        list(ASK_NOT.path.read_bytes()),
    )
    page.locator("body").dispatch_event("dragover", {"dataTransfer": data})
    expect(page.locator(".source")).to_have_class(re.compile("over"))
    page.locator("body").dispatch_event("drop", {"dataTransfer": data})
    expect(page.locator(".source")).to_contain_text("dropped.flac")
    page.get_by_label("Times of").select_option("segment")
    page.get_by_label("Language", exact=True).select_option("English")
    playground.press()
    playground.until_done()
    expect(playground.words.first).to_have_text(re.compile("^Ask not$", re.IGNORECASE))  # he pauses
    assert normalize_basic(playground.text()) == ASK_NOT.words


def test_a_url_at_once_without_times(
    playground: Playground, page: Page, media_host: MediaHost
) -> None:
    playground.choose_url(media_host.url_of(ASK_NOT.path))
    page.get_by_label("Times of").select_option("none")
    page.get_by_text("More").click()
    page.get_by_label("Stream the text").uncheck()
    playground.press()
    playground.until_done()
    assert normalize_basic(playground.text()) == ASK_NOT.words
    expect(page.get_by_role("button", name="srt")).to_have_count(0)
    expect(playground.facts).to_contain_text("fetch")  # from the header of the answer


def test_a_long_recording_streams_shows_how_far_and_is_cancelled(
    playground: Playground, page: Page, server: Server, tmp_path: Path
) -> None:
    playground.choose(say_repeatedly(JFK, 12, tmp_path / "long.wav"))
    playground.until_playable()
    before = departures(server)
    playground.press()
    expect(playground.words).not_to_have_count(0)
    expect(page.get_by_text(re.compile(r"^0:\d\d of 2:2\d$"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Cancelled.")).to_be_visible()
    assert playground.words.count() > 0
    eventually(lambda: departures(server) == before + 1)


def departures(server: Server) -> float:
    with server.client() as client:
        metrics = client.get("/metrics").text
    found = re.search(r"^auricle_departed_clients_total (\S+)$", metrics, re.MULTILINE)
    assert found is not None
    return float(found[1])
