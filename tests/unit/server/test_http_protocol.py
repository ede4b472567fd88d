"""Bounds of a connection: slow heads, nonsense, too many, answers nobody reads."""

import asyncio
import errno
import json
import logging

import pytest
from starlette.types import Receive, Scope, Send

from auricle.server.http_protocol import BoundedHttpProtocol
from unit.server.harness import DEADLINE_S, MakeApp, running
from unit.server.raw_http import connect, exchange

GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Impatient(BoundedHttpProtocol):
    head_timeout_s = 0.1
    close_timeout_s = 0.1
    watch_s = 0.02


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Waits until the server has closed the connection, politely or not."""
    try:
        return await asyncio.wait_for(reader.read(), DEADLINE_S) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
async def test_a_head_that_does_not_come_ends_the_connection(
    make_app: MakeApp, sent: bytes
) -> None:
    async with running(make_app(), Impatient) as url:
        reader, writer = await connect(url)
        writer.write(sent)
        assert await is_closed(reader)
        writer.close()


async def test_a_second_head_that_does_not_come_ends_the_connection(make_app: MakeApp) -> None:
    async with running(make_app(), Impatient) as url:
        reader, writer = await connect(url)
        writer.write(GET)
        await reader.readuntil(b'"live"}')
        writer.write(b"GET / HT")
        assert await is_closed(reader)
        writer.close()


async def test_a_request_in_work_is_not_timed(make_app: MakeApp) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.5)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with running(slow, Impatient) as url:
        reader, writer = await connect(url)
        writer.write(GET)
        assert b" 204 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE_S)
        writer.close()


async def test_an_answer_nobody_reads_ends_with_its_connection() -> None:
    lost = asyncio.Event()

    class Watched(Impatient):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    async def broken_off(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(32 << 20), "more_body": True})

    async with running(broken_off, Watched) as url:
        _, writer = await connect(url)
        writer.write(GET)
        await asyncio.wait_for(lost.wait(), DEADLINE_S)
        writer.close()


async def test_one_connection_too_many_is_closed_and_the_others_serve(make_app: MakeApp) -> None:
    class Small(BoundedHttpProtocol):
        max_connections = 2

    async with running(make_app(), Small) as url:
        first = await connect(url)
        second = await connect(url)
        for reader, writer in (first, second):
            writer.write(GET)
            await asyncio.wait_for(reader.readuntil(b'"live"}'), DEADLINE_S)
        reader, third = await connect(url)
        assert await is_closed(reader)
        first[1].write(GET)
        await asyncio.wait_for(first[0].readuntil(b'"live"}'), DEADLINE_S)
        for writer in (first[1], second[1], third):
            writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 500_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["word", "no host", "two hosts", "no colon", "length", "long", "tls"],
)
async def test_what_is_not_http_is_told_so(
    make_app: MakeApp, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(make_app()) as url:
        answer = await exchange(url, sent)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-request-id: " in head
    assert json.loads(body)["raw_status_code"] == 400
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_nonsense_of_a_client_that_is_gone_already_is_no_fault(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone(BoundedHttpProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)

            def write_eof() -> None:
                raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

            transport.write_eof = write_eof  # type: ignore[method-assign]

    async with running(make_app(), Gone) as url:
        reader, writer = await connect(url)
        writer.write(GET + b"nonsense\r\n\r\n")  # read when the answer before it is complete
        assert b"live" in await asyncio.wait_for(reader.readuntil(b'"live"}'), DEADLINE_S)
        await asyncio.wait_for(reader.read(), DEADLINE_S)
        writer.close()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_nonsense_within_a_body_after_the_answer_began(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(make_app(api_keys="k")) as url:
        reader, writer = await connect(url)
        writer.write(b"POST /v1/models HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b'"Unauthorized"}'), DEADLINE_S)
        writer.write(b"no chunk\r\n")
        await asyncio.wait_for(reader.read(), DEADLINE_S)
        writer.close()
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_an_upgrade_to_something_unknown_is_answered_quietly(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    async with running(make_app(api_keys="k")) as url:
        reader, writer = await connect(url)
        path = b"/v1/audio/transcriptions/realtime?model=x"
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + upgrade + b"\r\n")
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE_S)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
