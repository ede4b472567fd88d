"""Where the time went, told to whoever asks and skipped by whoever does not."""

import httpx

from auricle.server.timings import server_timing
from auricle.transcript.events import Completed, Progress, TextDelta
from unit.server.harness import FILE, MODEL, TRANSCRIPTIONS
from unit.server.scripted_service import TRANSCRIPT, ScriptedService

STREAM = {**MODEL, "stream": "true"}


def test_seconds_become_milliseconds() -> None:
    assert server_timing({"decode": 0.0123, "first_text": 2}) == (
        "decode;dur=12.3, first_text;dur=2000.0"
    )
    assert server_timing({}) == ""


async def test_an_answer_has_them_in_its_header(client: httpx.AsyncClient) -> None:
    answer = await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
    steps = dict(part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    assert steps.keys() == {"upload", "decode", "inference"}
    assert (steps["decode"], steps["inference"]) == ("100.0", "400.0")


async def test_a_stream_has_them_in_a_comment_before_its_last_event(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(TRANSCRIPTIONS, data=STREAM, files=FILE)
    *_, comment, done = answer.text.removesuffix("\n\n").split("\n\n")
    assert comment.startswith(": server-timing: upload;dur=")
    assert comment.endswith("decode;dur=100.0, inference;dur=400.0")
    assert done.startswith("event: transcription.done\n")


async def test_a_stream_says_how_far_it_is(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    service.steps = lambda _: [TextDelta("Good"), Progress(1.5), Completed(TRANSCRIPT)]
    answer = await client.post(TRANSCRIPTIONS, data=STREAM, files=FILE)
    assert "\n\n: progress: 1.50\n\n" in answer.text
