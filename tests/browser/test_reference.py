"""The API reference: everything in the server's own document, and a form for each endpoint."""

import pytest
from playwright.sync_api import Page, expect

from auricle.server.openapi import build_document
from browser.conftest import OpenPlayground
from harness.speech import ASK_NOT

pytestmark = pytest.mark.needs("chromium")

DOCUMENT = build_document()
OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


@pytest.fixture
def page(open_playground: OpenPlayground) -> Page:
    return open_playground(path="/#/reference").page


def test_every_endpoint_field_answer_and_event_is_there(page: Page) -> None:
    entries = page.get_by_role("navigation", name="Endpoints").locator("a:has(.method)")
    expect(entries).to_have_count(len(OPERATIONS))
    for index, (path, method, operation) in enumerate(OPERATIONS):
        entries.nth(index).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(operation["summary"])
        expect(page.locator(".address")).to_have_text(f"{method.upper()} {path}")
        statuses = page.locator(".answer .status")
        assert statuses.all_inner_texts() == sorted(operation["responses"])
    entries.first.click()
    body = page.locator("section", has=page.get_by_role("heading", name="Body"))
    fields = DOCUMENT["components"]["schemas"]["TranscriptionRequest"]["properties"]
    expect(body.locator("dl > div > dt > code")).to_have_text(list(fields))
    for kind in ("multipart/form-data", "application/x-www-form-urlencoded", "application/json"):
        expect(body).to_contain_text(kind)
    assert page.locator(".event > summary").all_inner_texts() == [
        "transcription.language",
        "transcription.text.delta",
        "transcription.segment",
        "transcription.done",
        "error",
    ]


def test_an_endpoint_is_tried(page: Page) -> None:
    page.get_by_role("link", name="/models/{model_id}").click()
    page.get_by_label("model_id").fill("voxtral-mini-latest")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Response")).to_contain_text('"object": "model"')
    page.get_by_label("model_id").fill("no such/model")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Response")).to_contain_text("404")
    expect(page.get_by_label("Request", exact=True)).to_contain_text("no%20such%2Fmodel")


def test_a_transcription_is_tried(page: Page) -> None:
    page.locator("#try-file").set_input_files(ASK_NOT.path)
    page.locator("#try-stream").select_option("true")
    page.locator("#try-timestamp_granularities").select_option("word")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Events")).to_contain_text("event: transcription.done")
