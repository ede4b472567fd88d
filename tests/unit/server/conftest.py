"""Servers for tests: in-process through ASGI, and real ones on a free port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from auricle.server.app import Application, create_app
from auricle.server.serving import HttpServer, bind
from auricle.settings import Settings
from unit.server.scripted_service import ScriptedService


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


MakeApp = Callable[..., Application]


@pytest.fixture
def make_app(service: ScriptedService) -> MakeApp:
    def make(**values: Any) -> Application:
        return create_app(service, Settings(**values))

    return make


def client_of(app: Application, **more: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", **more)


@pytest.fixture
async def client(make_app: MakeApp) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app()) as opened:
        yield opened


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[str]:
    """A real server for an ASGI application; its URL without the final slash."""
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    started = asyncio.Event()
    server = HttpServer(app, started.set)
    task = asyncio.create_task(server.serve([listener]))
    await started.wait()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
