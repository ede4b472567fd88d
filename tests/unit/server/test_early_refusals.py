"""Answers that are decided while a body still arrives must reach the client as what they are.

Each client gets a body far larger than what buffers between the two sides can hold.
"""

import asyncio
import http.client
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from unit.server.harness import DEADLINE_S, TRANSCRIPTIONS, MakeApp, running
from unit.server.raw_http import BOUNDARY, connect, form, head
from unit.server.scripted_service import ScriptedService

BODY_BYTES = 24 << 20
KEY = "sk-1"
STATUSES = [401, 413, 429]


@pytest.fixture(scope="module")
def body_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("body") / "form"
    path.write_bytes(form([("model", "whisper-1")], bytes(BODY_BYTES)))
    return path


@asynccontextmanager
async def refusing(make_app: MakeApp, service: ScriptedService, status: int) -> AsyncIterator[str]:
    """A server that refuses the next upload with this status."""
    limit = 1 << 20 if status == 413 else 512 << 20
    app = make_app(api_keys=KEY, max_upload_bytes=limit, max_requests=1)
    async with running(app) as url:
        if status == 429:
            with app.admission.permit():
                yield url
        else:
            yield url
    assert app.admission.in_use == 0


def key_for(status: int) -> str:
    return "wrong" if status == 401 else KEY


@pytest.mark.parametrize("status", STATUSES)
async def test_http_client(
    make_app: MakeApp, service: ScriptedService, body_file: Path, status: int
) -> None:
    def post(url: str) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(url)
        assert parts.hostname
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=DEADLINE_S)
        headers = {
            "content-type": f"multipart/form-data; boundary={BOUNDARY}",
            "x-api-key": key_for(status),
        }
        connection.request("POST", TRANSCRIPTIONS, body_file.read_bytes(), headers)
        answer = connection.getresponse()
        found = answer.status, dict(answer.headers.items()), answer.read()
        connection.close()
        return found

    async with refusing(make_app, service, status) as url:
        code, headers, content = await asyncio.to_thread(post, url)
    assert code == status
    assert headers["connection"] == "close"
    assert headers["x-request-id"]
    assert json.loads(content)


@pytest.mark.parametrize("status", STATUSES)
async def test_httpx(
    make_app: MakeApp, service: ScriptedService, body_file: Path, status: int
) -> None:
    async with (
        refusing(make_app, service, status) as url,
        httpx.AsyncClient(base_url=url, timeout=DEADLINE_S) as client,
    ):
        answer = await client.post(
            TRANSCRIPTIONS,
            data={"model": "whisper-1"},
            files={"file": bytes(BODY_BYTES)},
            headers={"x-api-key": key_for(status)},
        )
    assert answer.status_code == status


async def test_a_chunked_upload(make_app: MakeApp, service: ScriptedService) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        whole = form([("model", "whisper-1")], bytes(BODY_BYTES))
        for at in range(0, len(whole), 1 << 16):
            yield whole[at : at + (1 << 16)]

    async with (
        refusing(make_app, service, 413) as url,
        httpx.AsyncClient(base_url=url, timeout=DEADLINE_S) as client,
    ):
        answer = await client.post(
            TRANSCRIPTIONS,
            content=chunks(),
            headers={
                "x-api-key": KEY,
                "content-type": f"multipart/form-data; boundary={BOUNDARY}",
            },
        )
    assert answer.status_code == 413


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert process.returncode == 0, errors.decode()
    return output.decode()


FETCH = """
const [url, key, size, chunked] = process.argv.slice(1);
const form = new FormData();
form.append('file', new Blob([new Uint8Array(Number(size))]), 'a.wav');
form.append('model', 'whisper-1');
const answer = await fetch(url, {method: 'POST', body: form, headers: {'x-api-key': key}});
console.log(answer.status, await answer.text());
"""


@pytest.mark.needs("node")
@pytest.mark.parametrize("status", STATUSES)
async def test_node_fetch(make_app: MakeApp, service: ScriptedService, status: int) -> None:
    async with refusing(make_app, service, status) as url:
        output = await run(
            "node",
            "--input-type=module",
            "-e",
            FETCH,
            url + TRANSCRIPTIONS,
            key_for(status),
            str(BODY_BYTES),
        )
    assert output.startswith(f"{status} {{")


@pytest.mark.needs("curl")
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("expect", ["Expect: 100-continue", "Expect:"])
async def test_curl(
    make_app: MakeApp, service: ScriptedService, body_file: Path, *, status: int, expect: str
) -> None:
    async with refusing(make_app, service, status) as url:
        output = await run(
            "curl",
            "-sS",
            *("-H", f"x-api-key: {key_for(status)}", "-H", expect),
            *("-F", "model=whisper-1", "-F", f"file=@{body_file}"),
            *("-w", " %{http_code}"),
            url + TRANSCRIPTIONS,
        )
    assert output.endswith(f" {status}")


@pytest.mark.parametrize("status", STATUSES)
async def test_a_client_that_asks_first_sends_nothing(
    make_app: MakeApp, service: ScriptedService, status: int
) -> None:
    """With `Expect: 100-continue` the answer comes instead of the invitation."""
    size = 600 << 20
    async with refusing(make_app, service, status) as url:
        reader, writer = await connect(url)
        key = f"x-api-key: {key_for(status)}"
        writer.write(head(TRANSCRIPTIONS, size, key, "Expect: 100-continue"))
        answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
        writer.close()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


async def test_the_answer_comes_before_the_body_has_ended(
    make_app: MakeApp, service: ScriptedService
) -> None:
    async with refusing(make_app, service, 401) as url:
        reader, writer = await connect(url)
        writer.write(head(TRANSCRIPTIONS, 1 << 30) + bytes(1000))
        answer = await asyncio.wait_for(reader.readuntil(b'{"detail":"Unauthorized"}'), DEADLINE_S)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"connection: close\r\n" in answer
        writer.close()
        assert await reader.read() == b""


async def test_a_complete_body_keeps_the_connection(
    make_app: MakeApp, service: ScriptedService
) -> None:
    async with running(make_app()) as url:
        reader, writer = await connect(url)
        body = form([("language", "x")])
        for _ in range(2):
            writer.write(head(TRANSCRIPTIONS, len(body)) + body)
            answer = await asyncio.wait_for(reader.readuntil(b'"raw_status_code":422}'), DEADLINE_S)
            assert b"connection: close" not in answer
        writer.close()
