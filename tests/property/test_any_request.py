"""Requests made from `/openapi.json`, fitting it and not: never a fault of the server, always an
answer that the document promises.
"""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from schemathesis import GenerationMode

from auricle.server.app import create_app
from auricle.sources.url import Fetcher
from harness.any_request import OPERATIONS, Operation, campaign, kinds_of
from unit.server.harness import DEADLINE_S, running, settings_of
from unit.server.scripted_service import ScriptedService

KEY = "sk-any"
N_REQUESTS = 40
CASES = [(operation, mode) for operation in OPERATIONS for mode in kinds_of(operation)]


async def resolve_nothing(_host: str, _port: int) -> list[str]:
    raise OSError


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server on a socket, whose transcriptions are scripted and that fetches from nowhere."""
    urls: list[str] = []
    started, over = threading.Event(), threading.Event()

    async def serve() -> None:
        fetcher = Fetcher(timeout_s=5, resolve_host=resolve_nothing)
        app = create_app(ScriptedService(), settings_of(api_keys=KEY), fetcher=fetcher)
        async with running(app) as url:
            urls.append(url)
            started.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(DEADLINE_S)
    yield urls[0]
    over.set()
    thread.join()


@pytest.mark.parametrize(
    ("operation", "mode"), CASES, ids=lambda each: getattr(each, "label", None) or each.value
)
def test_any_request_gets_a_promised_answer(
    url: str, operation: Operation, mode: GenerationMode
) -> None:
    campaign(operation, mode, url, KEY, N_REQUESTS)()
