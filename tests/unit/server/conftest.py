"""A scripted service and applications around it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from auricle.server.app import Application, create_app
from auricle.server.sse import Pace
from unit.server.harness import MakeApp, client_of, settings_of
from unit.server.scripted_service import ScriptedService


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture
def make_app(service: ScriptedService) -> MakeApp:
    def make(*, pace: Pace | None = None, **values: Any) -> Application:
        return create_app(service, settings_of(**values), pace=pace)

    return make


@pytest.fixture
async def client(make_app: MakeApp) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_app()) as opened:
        yield opened
