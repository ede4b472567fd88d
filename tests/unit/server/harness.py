"""Servers for tests: in-process through ASGI, and real ones on a free port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from auricle.server.app import Application
from auricle.server.http_protocol import BoundedHttpProtocol
from auricle.server.listener import bind
from auricle.server.serving import HttpServer
from auricle.settings import Settings

MakeApp = Callable[..., Application]
TRANSCRIPTIONS = "/v1/audio/transcriptions"
MODEL = {"model": "voxtral-mini-latest"}
FILE = {"file": ("clip.wav", b"RIFFsomething", "audio/wav")}
DEADLINE_S = 60.0
"""Generous: the machine may be busy."""


def settings_of(**values: Any) -> Settings:
    return Settings(**values)


def client_of(app: Application, **more: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", **more)


@asynccontextmanager
async def running(
    app: Any, protocol: type[BoundedHttpProtocol] = BoundedHttpProtocol
) -> AsyncIterator[str]:
    """A real server for an ASGI application; its URL without the final slash."""
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    started = asyncio.Event()
    server = HttpServer(app, started.set, protocol)
    task = asyncio.create_task(server.serve([listener]))
    await started.wait()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
