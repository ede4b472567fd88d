"""Hosts and origins."""

import pytest

from unit.server.harness import MakeApp, client_of
from unit.server.test_auth import denied

PAGE = "https://app.example"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:1234", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("localhost.evil.example", 403),
        ("", 403),
    ],
)
async def test_an_open_server_answers_to_known_hosts_only(
    make_app: MakeApp, host: str, status: int
) -> None:
    async with client_of(make_app()) as client:
        answer = await client.get("/v1/models", headers={"host": host})
        probe = await client.get("/health/live", headers={"host": host})
    assert answer.status_code == status
    assert probe.status_code == 200
    if status == 403:
        assert "allowed_hosts" in answer.json()["message"]
        assert answer.json()["raw_status_code"] == 403


async def test_with_keys_any_host_will_do(make_app: MakeApp) -> None:
    async with client_of(make_app(api_keys="k")) as client:
        answer = await client.get("/v1/models", headers={"host": "a.example", "x-api-key": "k"})
    assert answer.status_code == 200


async def test_hosts_can_be_listed(make_app: MakeApp) -> None:
    async with client_of(make_app(allowed_hosts="asr.example")) as client:
        assert (await client.get("/v1/models", headers={"host": "asr.example:80"})).is_success
        assert (await client.get("/v1/models", headers={"host": "localhost"})).status_code == 403
    async with client_of(make_app(allowed_hosts="*")) as client:
        assert (await client.get("/v1/models", headers={"host": "any"})).is_success


async def test_a_websocket_from_an_unknown_host_is_refused(make_app: MakeApp) -> None:
    sent = await denied(make_app(), "/v1/models", [(b"host", b"evil.example")])
    assert sent[0]["status"] == 403


@pytest.mark.parametrize(
    ("origin", "host", "is_same"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("http://LOCALHOST:8000", "localhost:8000", True),
        ("https://asr.example", "asr.example", True),
        ("https://asr.example", "asr.example:443", True),
        ("http://asr.example:80", "asr.example", True),
        ("http://localhost:3000", "localhost:8000", False),
        ("http://asr.example", "asr.example:8000", False),
        ("https://asr.example.evil.example", "asr.example", False),
        ("null", "asr.example", False),
        ("http://[::1", "asr.example", False),
        ("http://asr.example:x", "asr.example", False),
        ("", "asr.example", False),
    ],
)
async def test_foreign_origins_are_refused(
    make_app: MakeApp, origin: str, host: str, is_same: bool
) -> None:
    app = make_app(api_keys="k")
    headers = {"origin": origin, "host": host, "x-api-key": "k"}
    async with client_of(app) as client:
        answer = await client.get("/v1/models", headers=headers)
    assert answer.status_code == (200 if is_same else 403)
    assert "access-control-allow-origin" not in answer.headers
    sent = await denied(app, "/x", [(k.encode(), v.encode()) for k, v in headers.items()])
    assert sent[0]["status"] == (404 if is_same else 403)


async def test_a_listed_origin_is_served(make_app: MakeApp) -> None:
    async with client_of(make_app(cors_origins=PAGE, api_keys="k")) as client:
        answer = await client.get("/v1/models", headers={"origin": PAGE, "x-api-key": "k"})
        refused = await client.get("/v1/models", headers={"origin": PAGE})
    assert answer.is_success
    for each in (answer, refused):
        assert each.headers["access-control-allow-origin"] == PAGE
        assert "x-request-id" in each.headers["access-control-expose-headers"]
        assert each.headers["vary"] == "origin"
    assert refused.status_code == 401
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_needs_no_key(make_app: MakeApp) -> None:
    asked = {
        "origin": PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    async with client_of(make_app(cors_origins=PAGE, api_keys="k")) as client:
        answer = await client.options("/v1/audio/transcriptions", headers=asked)
        foreign = await client.options(
            "/v1/audio/transcriptions", headers={**asked, "origin": "https://evil.example"}
        )
    assert answer.status_code == 204
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert foreign.status_code == 403


async def test_every_answer_has_security_headers(make_app: MakeApp) -> None:
    async with client_of(make_app()) as client:
        for path in ("/v1/models", "/nowhere", "/health/live"):
            answer = await client.get(path, headers={"x-request-id": "mine"})
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-request-id"] != "mine"
