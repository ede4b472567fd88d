"""Keys: how they are read, and that every door asks for one."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message

from auricle.errors import SettingsError
from auricle.server.app import Application, create_app
from auricle.server.auth import is_open
from auricle.server.keys import check_exposure, parse_keys, read_keys_file
from unit.server.harness import MakeApp, client_of, settings_of
from unit.server.scripted_service import ScriptedService

KEY = "correct-horse"
ROUTES = [
    (method, route.path.replace("{model_id:path}", "whisper-base"))
    for route in create_app(ScriptedService(), settings_of()).routes
    if isinstance(route, Route) and route.path != "/static/{name}"
    for method in sorted(route.methods or ())
]
HANDSHAKES = sorted(
    {path for _, path in ROUTES}
    | {
        route.path
        for route in create_app(ScriptedService(), settings_of()).routes
        if isinstance(route, WebSocketRoute)
    }
    | {"/v1/audio/transcriptions/realtime", "/nowhere"}
)
"""A WebSocket may be asked for anywhere, whatever the route speaks."""


def test_there_are_routes() -> None:
    assert ("POST", "/v1/audio/transcriptions") in ROUTES


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", "/nowhere"), ("DELETE", "/v1/x")])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": KEY},
        {"authorization": "Bearer "},
        {"x-api-key": "wrong"},
        {"x-api-key": ""},
    ],
)
async def test_no_route_answers_without_a_key(
    make_app: MakeApp, method: str, path: str, headers: dict[str, str]
) -> None:
    async with client_of(make_app(api_keys=KEY)) as client:
        answer = await client.request(method, path, headers=headers)
    if is_open(path):
        assert answer.status_code == 200
    else:
        assert answer.status_code == 401
        assert method == "HEAD" or answer.json() == {"detail": "Unauthorized"}
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY}"},
        {"x-api-key": KEY},
        {"x-api-key": KEY, "authorization": "Bearer wrong"},
    ],
)
async def test_every_route_opens_with_a_key(
    make_app: MakeApp, method: str, path: str, headers: dict[str, str]
) -> None:
    async with client_of(make_app(api_keys=f"team={KEY},other")) as client:
        answer = await client.request(method, path, headers=headers)
    assert answer.status_code == (422 if method == "POST" else 200)


async def denied(app: Application, path: str, headers: list[tuple[bytes, bytes]]) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": path,
        "headers": headers,
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("path", [path for path in HANDSHAKES if not is_open(path)])
@pytest.mark.parametrize(
    "header", [None, (b"authorization", b"Bearer wrong"), (b"x-api-key", b"wrong")]
)
async def test_no_handshake_succeeds_without_a_key(
    make_app: MakeApp, path: str, header: tuple[bytes, bytes] | None
) -> None:
    headers = [(b"host", b"localhost"), *([header] if header else [])]
    sent = await denied(make_app(api_keys=KEY), path, headers)
    assert sent[0]["type"] == "websocket.http.response.start"
    assert sent[0]["status"] == 401
    assert b"Unauthorized" in sent[1]["body"]


async def test_a_handshake_with_a_key_gets_further(make_app: MakeApp) -> None:
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {KEY}".encode())]
    sent = await denied(make_app(api_keys=KEY), "/nowhere", headers)
    assert sent[0]["status"] == 404


async def test_the_key_s_name_is_the_tenant(make_app: MakeApp, service: ScriptedService) -> None:
    async with client_of(make_app(api_keys=f"team={KEY}")) as client:
        await client.post(
            "/v1/audio/transcriptions",
            headers={"x-api-key": KEY},
            data={"model": "whisper-1"},
            files={"file": b"x"},
        )
    assert service.calls[0].ticket.tenant == "team"


def test_parses_named_and_nameless_keys() -> None:
    named, nameless, padded = parse_keys(" team=abc== , sk-1 ,QUJD==")
    assert (named.name, named.sha256) == ("team", hashlib.sha256(b"abc==").digest())
    assert nameless.sha256 == hashlib.sha256(b"sk-1").digest()
    assert nameless.name == f"key-{nameless.sha256.hex()[:8]}"
    assert padded.sha256 == hashlib.sha256(b"QUJD==").digest()
    assert parse_keys("") == []
    with pytest.raises(SettingsError):
        parse_keys("=abc")


def test_reads_digests_from_a_file(tmp_path: Path, service: ScriptedService) -> None:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    path = tmp_path / "keys"
    path.write_text(f"# people\n\nana:{digest}\nbob:{digest.upper()}\n")
    keys = read_keys_file(path)
    assert [key.name for key in keys] == ["ana", "bob"]
    assert keys[0].sha256 == keys[1].sha256 == hashlib.sha256(KEY.encode()).digest()


@pytest.mark.parametrize("line", ["ana", "ana:abc", ":" + "0" * 64, "ana:" + "g" * 64])
def test_a_malformed_line_of_the_keys_file_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "keys"
    path.write_text(f"\n{line}\n")
    with pytest.raises(SettingsError, match="line 2"):
        read_keys_file(path)


def test_a_missing_keys_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        check_exposure(settings_of(keys_file=tmp_path / "none"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_may_be_open(host: str) -> None:
    check_exposure(settings_of(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_another_address_without_keys_is_refused_in_one_sentence(
    service: ScriptedService, host: str
) -> None:
    with pytest.raises(SettingsError, match="AURICLE_API_KEYS") as caught:
        create_app(service, settings_of(host=host))
    assert caught.value.message.count(". ") == 0
    check_exposure(settings_of(host=host, allow_open=True))
    check_exposure(settings_of(host=host, api_keys="k"))


async def test_keys_are_in_no_answer_and_no_page(make_app: MakeApp) -> None:
    async with client_of(make_app(api_keys=KEY)) as client:
        for path in ("/metrics", "/openapi.json", "/v1/models"):
            answer = await client.get(path, headers={"x-api-key": KEY})
            assert KEY not in answer.text
