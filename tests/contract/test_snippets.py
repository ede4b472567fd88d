"""The six examples of the API reference, run as programs; they name no recording: 422.

With a recording, `Model X` and `Camry` are refused as unknown models: `test_sdk_errors.py`.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from contract.sdk import HERE, NODE_MODULES, python_of
from harness.server import KEY, Server

SNIPPETS = HERE / "snippets"


@pytest.mark.parametrize("call", ["complete", "stream"])
@pytest.mark.parametrize(
    "major",
    [
        "3",
        pytest.param("2", marks=pytest.mark.needs("mistralai-2")),
        pytest.param("1", marks=pytest.mark.needs("mistralai-1")),
    ],
)
def test_python(server: Server, major: str, call: str) -> None:
    program = (SNIPPETS / f"{call}.py").read_text()
    program = program.replace("Mistral(api_key", f"Mistral(server_url={server.url!r}, api_key")
    if major == "1":
        program = program.replace("from mistralai.client import", "from mistralai import")
    ended = _run([python_of(major), "-c", program])
    assert ended.returncode == 1
    assert "SDKError" in ended.stderr
    assert "Status 422" in ended.stderr
    assert '"invalid_request_error"' in ended.stderr


@pytest.mark.needs("node", "node-sdk")
@pytest.mark.parametrize("call", ["complete", "stream"])
def test_typescript(server: Server, call: str) -> None:
    program = (SNIPPETS / f"{call}.mjs").read_text()
    options = f'serverURL: "{server.url}", apiKey: "{KEY}"'
    program = program.replace('apiKey: "MISTRAL_API_KEY"', options)
    ended = _run(["node", "--input-type=module", "--eval", program], cwd=NODE_MODULES.parent)
    assert ended.returncode == 1
    assert "statusCode: 422" in ended.stderr
    assert '"invalid_request_error"' in ended.stderr


@pytest.mark.needs("curl")
@pytest.mark.parametrize("call", ["complete", "stream"])
def test_curl(server: Server, call: str) -> None:
    program = (SNIPPETS / f"{call}.sh").read_text()
    program = program.replace("https://api.mistral.ai", server.url).replace("YOUR_APIKEY_HERE", KEY)
    ended = _run(["sh", "-c", f"{program.strip()} -s -w '\\n%{{http_code}}'"])
    body, _, status = ended.stdout.rpartition("\n")
    assert status == "422"
    assert json.loads(body)["type"] == "invalid_request_error"


def _run(command: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MISTRAL_API_KEY": KEY}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
        cwd=cwd,
    )
