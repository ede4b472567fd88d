"""SIGTERM: what was accepted is finished, what is new is turned away, then exit 0."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from unit.server.harness import DEADLINE_S, FILE, MODEL, TRANSCRIPTIONS
from unit.server.raw_http import connect, form, head

STREAM = {**MODEL, "stream": "true"}
LONG_S = 600.0


@dataclass
class Server:
    process: asyncio.subprocess.Process
    url: str = ""

    async def line(self) -> str:
        assert self.process.stdout
        return (await asyncio.wait_for(self.process.stdout.readline(), DEADLINE_S)).decode().strip()

    async def exit_status(self) -> int:
        return await asyncio.wait_for(self.process.wait(), DEADLINE_S)

    async def is_draining(self, client: httpx.AsyncClient) -> bool:
        return (await client.get("/health/ready")).status_code == 503


@asynccontextmanager
async def server(*, grace_s: float, wait_s: float) -> AsyncIterator[Server]:
    tests = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "unit.server.drained_server",
        str(grace_s),
        str(wait_s),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(tests)},
    )
    started = Server(process)
    try:
        started.url = await started.line()
        yield started
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_server_ends_at_once(number: signal.Signals) -> None:
    async with server(grace_s=LONG_S, wait_s=0) as running:
        running.process.send_signal(number)
        assert await running.exit_status() == 0


async def test_accepted_requests_finish_and_new_ones_are_turned_away() -> None:
    async with (
        server(grace_s=LONG_S, wait_s=3) as running,
        httpx.AsyncClient(base_url=running.url, timeout=DEADLINE_S) as client,
    ):
        blocking = asyncio.create_task(client.post(TRANSCRIPTIONS, data=MODEL, files=FILE))
        streaming = asyncio.create_task(client.post(TRANSCRIPTIONS, data=STREAM, files=FILE))
        assert await running.line() == "started"
        assert await running.line() == "started"
        running.process.terminate()
        async with asyncio.timeout(DEADLINE_S):
            while not await running.is_draining(client):
                await asyncio.sleep(0.01)
        refused = await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["x-request-id"]
        assert (await client.get("/health/live")).status_code == 200
        assert (await blocking).status_code == 200
        assert "transcription.done" in (await streaming).text
        assert await running.exit_status() == 0


async def test_a_stream_that_cannot_finish_ends_with_the_error_frame() -> None:
    async with server(grace_s=0.2, wait_s=LONG_S) as running:
        reader, writer = await connect(running.url)
        body = form(STREAM.items())
        writer.write(head(TRANSCRIPTIONS, len(body)) + body)
        await asyncio.wait_for(reader.readuntil(b'"Good"}\n\n'), DEADLINE_S)
        running.process.terminate()
        rest = await asyncio.wait_for(reader.read(), DEADLINE_S)
        writer.close()
        assert b"event: error\n" in rest
        assert b"shutting down" in rest
        assert b"0\r\n\r\n" not in rest
        assert await running.exit_status() == 0


async def test_a_blocking_request_that_cannot_finish_gets_503() -> None:
    async with (
        server(grace_s=0.2, wait_s=LONG_S) as running,
        httpx.AsyncClient(base_url=running.url, timeout=DEADLINE_S) as client,
    ):
        blocking = asyncio.create_task(client.post(TRANSCRIPTIONS, data=MODEL, files=FILE))
        assert await running.line() == "started"
        running.process.terminate()
        answer = await blocking
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert await running.exit_status() == 0


async def test_an_upload_that_does_not_end_is_cut_too() -> None:
    async with server(grace_s=0.2, wait_s=0) as running:
        reader, writer = await connect(running.url)
        body = form(MODEL.items(), bytes(1 << 20))
        writer.write(head(TRANSCRIPTIONS, len(body)) + body[:-100_000])
        await writer.drain()
        async with (
            httpx.AsyncClient(base_url=running.url, timeout=DEADLINE_S) as client,
            asyncio.timeout(DEADLINE_S),
        ):
            while "in_flight 2.0" not in (await client.get("/metrics")).text:
                await asyncio.sleep(0.01)
        running.process.terminate()
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE_S)
        assert answer.startswith(b"HTTP/1.1 503 ")
        writer.close()
        assert await running.exit_status() == 0


async def test_a_second_signal_ends_the_grace() -> None:
    async with (
        server(grace_s=LONG_S, wait_s=LONG_S) as running,
        httpx.AsyncClient(base_url=running.url, timeout=DEADLINE_S) as client,
    ):
        blocking = asyncio.create_task(client.post(TRANSCRIPTIONS, data=MODEL, files=FILE))
        assert await running.line() == "started"
        running.process.terminate()
        async with asyncio.timeout(DEADLINE_S):
            while not await running.is_draining(client):
                await asyncio.sleep(0.01)
        running.process.terminate()
        assert (await blocking).status_code == 503
        assert await running.exit_status() == 0
