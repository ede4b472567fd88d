"""Probes, metrics, the log line."""

import json
import logging

import httpx
import pytest

from auricle import errors
from auricle.telemetry import JsonFormatter
from unit.server.harness import FILE, MODEL, TRANSCRIPTIONS, MakeApp, client_of
from unit.server.scripted_service import ScriptedService

SECRET_NAME = "my-divorce.wav"


async def test_live_and_ready(client: httpx.AsyncClient, service: ScriptedService) -> None:
    assert (await client.get("/health/live")).json() == {"status": "live"}
    assert (await client.get("/health/ready")).json() == {"status": "ready"}
    service.ready = False
    assert (await client.get("/health/live")).status_code == 200
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def sample(text: str, start: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(start)]
    return float(line.rsplit(" ", 1)[1])


async def test_metrics_count_requests_by_route_not_by_path(
    client: httpx.AsyncClient, service: ScriptedService
) -> None:
    await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
    await client.post(TRANSCRIPTIONS, json={})
    await client.get("/v1/models/some-secret-name")
    await client.get("/other/secret")
    await client.request("INVENTED", "/v1/models")
    service.steps = lambda _: [errors.TooLarge("x")]
    await client.post(TRANSCRIPTIONS, data=MODEL, files=FILE)
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.text
    start = 'auricle_requests_total{method="POST",route="/v1/audio/transcriptions",status='
    assert sample(text, f'{start}"200"}}') == 1
    assert sample(text, f'{start}"422"}}') == 1
    assert sample(text, f'{start}"413"}}') == 1
    assert sample(text, 'auricle_errors_total{code="TooLarge"}') == 1
    assert sample(text, 'auricle_audio_seconds_total{model="whisper-base"}') == 11.04
    assert sample(text, "auricle_engine_workers") == 2
    assert sample(text, "auricle_requests_in_flight") == 1
    assert 'route="/v1/models/{model_id}"' in text
    assert 'route="unknown",status="404"' in text
    assert 'method="other"' in text
    assert "secret" not in text
    assert "INVENTED" not in text


async def test_one_line_a_request_without_content(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "auricle")
    file = {"file": (SECRET_NAME, b"RIFFsecret", "audio/wav")}
    async with client_of(make_app(api_keys="team=sk-key")) as client:
        headers = {"authorization": "Bearer sk-key"}
        answer = await client.post(TRANSCRIPTIONS, data=MODEL, files=file, headers=headers)
    (record,) = [r for r in caplog.records if r.getMessage() == "request.done"]
    line = json.loads(JsonFormatter().format(record))
    assert line["status"] == 200
    assert line["route"] == TRANSCRIPTIONS
    assert line["model"] == "whisper-base"
    assert line["tenant"] == "team"
    assert line["audio_s"] == 11.04
    assert line["bytes"] > len(b"RIFFsecret")
    assert line["inference_s"] == 0.4
    assert line["rtf"] > 0
    for secret in ("Good morning", "sk-key", SECRET_NAME, "RIFFsecret", "divorce"):
        assert secret not in caplog.text
        assert secret not in json.dumps(line)
    assert answer.headers["x-request-id"]


async def test_failures_are_named_in_the_line(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "auricle")
    async with client_of(make_app(api_keys="k")) as client:
        await client.get("/v1/models")
        await client.get("/health/live")
    (record,) = [r for r in caplog.records if r.getMessage() == "request.done"]
    assert json.loads(JsonFormatter().format(record))["error"] == "NotAuthenticated"
