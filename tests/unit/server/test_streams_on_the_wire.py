"""Streams through a real server: framing, keep-alives, failures, departures."""

import asyncio
import logging
from pathlib import Path

import httpx
import pytest

from auricle import errors
from auricle.pipeline.options import TranscribeOptions
from auricle.server.sse import Pace
from auricle.transcript.events import Completed, TextDelta
from unit.server.harness import DEADLINE_S, FILE, MODEL, TRANSCRIPTIONS, MakeApp, running
from unit.server.raw_http import connect, exchange, form, head
from unit.server.scripted_service import TRANSCRIPT, ScriptedService, Step, script

STREAM = {**MODEL, "stream": "true"}


def request_of(fields: dict[str, str], *extra: str) -> bytes:
    body = form(fields.items())
    return head(TRANSCRIPTIONS, len(body), *extra) + body


async def test_a_good_stream_ends_with_the_terminating_chunk(make_app: MakeApp) -> None:
    async with running(make_app()) as url:
        answer = await exchange(url, request_of(STREAM, "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\ncontent-type: text/event-stream\r\n" in answer
    assert answer.endswith(b"0\r\n\r\n")
    assert answer.count(b"event: transcription.done\n") == 1


async def test_a_failed_stream_has_an_error_frame_and_no_end(
    make_app: MakeApp, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    service.steps = lambda _: [TextDelta("Good"), errors.Unavailable("an engine was lost")]
    app = make_app()
    async with running(app) as url:
        answer = await exchange(url, request_of(STREAM))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"event: transcription.text.delta\n" in answer
    assert (
        b'event: error\ndata: {"object":"error","message":"an engine was lost",'
        b'"type":"service_unavailable","param":null,"code":null,"raw_status_code":503}\n\n'
    ) in answer
    assert b"0\r\n\r\n" not in answer
    assert app.admission.in_use == 0
    assert [r for r in caplog.records if r.exc_info or r.levelno >= logging.WARNING] == []


async def test_our_own_fault_in_a_stream_is_logged_once_and_not_told(
    make_app: MakeApp, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    service.steps = lambda _: [TextDelta("Good"), errors.EngineFailed("secret")]
    async with running(make_app()) as url:
        answer = await exchange(url, request_of(STREAM))
    assert b'"message":"Internal server error"' in answer
    assert b"secret" not in answer
    assert len([r for r in caplog.records if r.exc_info]) == 1


async def test_httpx_raises_on_a_failed_stream(make_app: MakeApp, service: ScriptedService) -> None:
    service.steps = lambda _: [TextDelta("Good"), errors.EngineFailed("secret")]
    async with running(make_app()) as url, httpx.AsyncClient(base_url=url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(TRANSCRIPTIONS, data=STREAM, files=FILE)


async def test_an_error_before_the_first_event_is_an_http_error(
    make_app: MakeApp, service: ScriptedService
) -> None:
    service.steps = lambda _: [errors.UnreadableAudio("no audio track")]
    async with running(make_app()) as url, httpx.AsyncClient(base_url=url) as client:
        answer = await client.post(TRANSCRIPTIONS, data=STREAM, files=FILE)
    assert answer.status_code == 400
    assert answer.json()["code"] == "3051"


async def test_comments_keep_a_silent_stream_alive(
    make_app: MakeApp, service: ScriptedService
) -> None:
    release = asyncio.Event()
    service.steps = lambda options: [release, *script(options)]
    app = make_app(pace=Pace(first_event_s=0.01, keep_alive_s=0.01))
    async with running(app) as url:
        reader, writer = await connect(url)
        writer.write(request_of(STREAM, "Connection: close"))
        for _ in range(3):
            await asyncio.wait_for(reader.readuntil(b": keep-alive\n\n"), DEADLINE_S)
        release.set()
        assert b"event: transcription.done\n" in await reader.read()
        writer.close()


async def test_a_late_failure_after_comments_is_an_error_frame(
    make_app: MakeApp, service: ScriptedService
) -> None:
    release = asyncio.Event()
    service.steps = lambda _: [release, errors.UnreadableAudio("no audio track")]
    async with running(make_app(pace=Pace(first_event_s=0.01, keep_alive_s=60))) as url:
        reader, writer = await connect(url)
        writer.write(request_of(STREAM))
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        release.set()
        rest = await reader.read()
        writer.close()
    assert b"event: error\n" in rest
    assert b"0\r\n\r\n" not in rest


async def test_events_leave_at_once(make_app: MakeApp, service: ScriptedService) -> None:
    release = asyncio.Event()
    service.steps = lambda _: [TextDelta("Good"), release, Completed(TRANSCRIPT)]
    async with running(make_app()) as url:
        reader, writer = await connect(url)
        writer.write(request_of(STREAM, "Connection: close"))
        await asyncio.wait_for(reader.readuntil(b'"text":"Good"}\n\n'), DEADLINE_S)
        release.set()
        assert b"transcription.done" in await reader.read()
        writer.close()


@pytest.mark.parametrize("fields", [MODEL, STREAM], ids=["blocking", "streaming"])
@pytest.mark.parametrize("steps", [[], [TextDelta("Good")]], ids=["silent", "talking"])
async def test_a_client_that_leaves_frees_everything(
    make_app: MakeApp,
    service: ScriptedService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    fields: dict[str, str],
    steps: list[Step],
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def wait_forever(_options: TranscribeOptions) -> list[Step]:
        return [*steps, asyncio.Event()]

    service.steps = wait_forever
    app = make_app()
    async with running(app) as url:
        _, writer = await connect(url)
        writer.write(request_of(fields))
        await asyncio.wait_for(service.started.wait(), DEADLINE_S)
        assert app.admission.in_use == 1
        writer.close()
        await asyncio.wait_for(service.calls[0].closed.wait(), DEADLINE_S)
        await asyncio.wait_for(app.admission.until_idle(), DEADLINE_S)
        metrics = await exchange(url, b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert b"auricle_departed_clients_total 1.0" in metrics
    assert list(tmp_path.iterdir()) == []


async def test_a_client_that_leaves_within_its_body_frees_everything(
    make_app: MakeApp, service: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app = make_app()
    async with running(app) as url:
        _, writer = await connect(url)
        body = form(MODEL.items(), bytes(4 << 20))
        writer.write(head(TRANSCRIPTIONS, len(body)) + body[: 3 << 20])
        await writer.drain()
        async with asyncio.timeout(DEADLINE_S):
            while not list(tmp_path.iterdir()):
                await asyncio.sleep(0.01)
        writer.close()
        await asyncio.wait_for(app.admission.until_idle(), DEADLINE_S)
    assert list(tmp_path.iterdir()) == []
    assert service.calls == []
