"""The bodies and headers that published curl lines send, and what curl gets back."""

import base64
import json
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auricle.scoring.text import normalize_basic
from harness.media_host import MediaHost
from harness.server import KEY, Server
from harness.speech import ASK_NOT, JFK

pytestmark = pytest.mark.needs("curl")

MODEL = "voxtral-mini-latest"
BEARER = ("-H", f"Authorization: Bearer {KEY}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What curl printed; `exit_status` is not 0 when the connection broke off."""

    status: int
    headers: dict[str, str]
    body: str
    exit_status: int

    @property
    def content(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def curl(server: Server, *arguments: str, path: str = "/v1/audio/transcriptions") -> Answer:
    ended = subprocess.run(
        ["curl", "-s", "-N", "-i", "--noproxy", "*", server.url + path, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    head, _, body = ended.stdout.partition("\n\n")
    while head.startswith("HTTP/1.1 100"):
        head, _, body = body.partition("\n\n")
    first, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    return Answer(int(first.split()[1]), headers, body, ended.returncode)


def heard(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    return normalize_basic(answer.content["text"])


def test_multipart(server: Server) -> None:
    answer = curl(server, *BEARER, "-F", f"file=@{JFK.path}", "-F", f"model={MODEL}")
    assert heard(answer) == JFK.words
    assert answer.headers["x-request-id"]


def test_multipart_with_quoted_values(server: Server) -> None:
    answer = curl(
        server,
        *BEARER,
        "--form",
        f'model="{MODEL}"',
        "--form",
        f'file=@"{ASK_NOT.path}"',
        "--form",
        'timestamp_granularities="segment"',
    )
    assert heard(answer) == ASK_NOT.words
    assert [part["text"] for part in answer.content["segments"]] == [
        "Ask not",  # he pauses
        "what your country can do for you.",
    ]


def test_x_api_key(server: Server) -> None:
    key = ("-H", f"x-api-key: {KEY}")
    answer = curl(server, *key, "-F", f"file=@{ASK_NOT.path}", "-F", f"model={MODEL}")
    assert heard(answer) == ASK_NOT.words


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_json_text(server: Server, media_host: MediaHost, content_type: str) -> None:
    """`curl -d` labels JSON as a form unless it is told otherwise."""
    body = json.dumps({"model": MODEL, "file_url": media_host.url_of(ASK_NOT.path)})
    answer = curl(server, *BEARER, "-H", f"Content-Type: {content_type}", "-d", body)
    assert heard(answer) == ASK_NOT.words


def test_urlencoded_fields(server: Server, media_host: MediaHost) -> None:
    url = media_host.url_of(ASK_NOT.path)
    answer = curl(server, *BEARER, "-d", f"model={MODEL}", "--data-urlencode", f"file_url={url}")
    assert heard(answer) == ASK_NOT.words


def test_data_uri_of_any_size_in_json(server: Server) -> None:
    uri = "data:audio/flac;base64," + base64.b64encode(ASK_NOT.path.read_bytes()).decode()
    body = json.dumps({"model": MODEL, "file_url": uri}).encode()
    with server.client() as client:
        answer = client.post(
            "/v1/audio/transcriptions", content=body, headers={"content-type": "application/json"}
        )
    assert normalize_basic(answer.json()["text"]) == ASK_NOT.words


def test_stream(server: Server) -> None:
    fields = ("-F", f"model={MODEL}", "-F", "stream=true", "-F", "timestamp_granularities=segment")
    answer = curl(server, *BEARER, *fields, "-F", f"file=@{JFK.path}")
    assert answer.status == 200
    assert answer.exit_status == 0
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    frames = answer.body.strip().split("\n\n")
    payloads = [_payload(frame) for frame in frames if not frame.startswith(":")]
    types = [payload["type"] for payload in payloads]
    assert types[0] == "transcription.language"
    assert types[-1] == "transcription.done"
    assert types.count("transcription.done") == 1
    assert frames[-2].startswith(": server-timing: ")  # a comment: no reader takes it for an event
    assert "[DONE]" not in answer.body


def _payload(frame: str) -> dict[str, Any]:
    event, data = frame.split("\n")
    payload: dict[str, Any] = json.loads(data.removeprefix("data: "))
    assert event == f"event: {payload['type']}"
    return payload


@pytest.mark.parametrize("headers", [(), ("-H", "Authorization: Bearer wrong")])
def test_without_the_right_key(server: Server, headers: tuple[str, ...]) -> None:
    answer = curl(server, *headers, "-F", f"file=@{JFK.path}", "-F", f"model={MODEL}")
    assert (answer.status, answer.content) == (401, {"detail": "Unauthorized"})


@pytest.mark.parametrize("model", ["Model X", "Camry"])
def test_unknown_model(server: Server, model: str) -> None:
    answer = curl(server, *BEARER, "-F", f"file=@{JFK.path}", "-F", f"model={model}")
    assert answer.status == 400
    assert answer.content["code"] == "1500"


def test_silence_is_an_empty_text(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 3))
    answer = curl(server, *BEARER, "-F", f"file=@{path}", "-F", f"model={MODEL}")
    assert heard(answer) == ""
    assert answer.content["language"] is None
    assert answer.content["segments"] == []
    assert answer.content["usage"]["prompt_audio_seconds"] == 3
