"""A real vLLM server on this machine's CPU, serving a tiny checkpoint in the real format."""

import os
import re
import socket
import subprocess
from pathlib import Path

import httpx

from harness.waiting import eventually

ROOT = Path(__file__).parents[2]
VLLM_PYTHON = ROOT / ".venvs" / "vllm" / "bin" / "python"
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
OPTIONS = (
    *("--host", "127.0.0.1", "--dtype", "float32", "--enforce-eager"),
    *("--max-model-len", "2048", "--kv-cache-memory-bytes", "64M"),
)
KEY = "key-of-the-upstream"


def is_installed() -> bool:
    """Whether `make voxtral-setup` was run."""
    return (VLLM_PYTHON.parents[1] / ".installed").exists()


class Vllm:
    """The server. Owner: whoever started it, who must `await_ready` and `kill` it.

    Args:
        log: file for all it prints.
        checkpoint: folder of what it serves.
        name: what it calls the model.
        port: where it listens; 0 finds a free port.
    """

    def __init__(self, log: Path, checkpoint: Path, name: str, port: int = 0) -> None:
        self._log = log
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command: list[str | Path] = [
            VLLM_PYTHON,
            "-m",
            "vllm.entrypoints.openai.api_server",
            *OPTIONS,
        ]
        command += ["--port", str(self.port), "--model", checkpoint]
        command += ["--served-model-name", name, "--api-key", KEY]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def await_ready(self) -> None:
        """Wait until it answers."""
        eventually(self._is_well, lambda: self._log.read_text(errors="replace")[-3000:], 400)

    def gauge(self, name: str) -> float:
        """A figure of its `/metrics`, `num_requests_running` for one."""
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        found = re.search(rf"^vllm:{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        assert found is not None, text
        return float(found[1])

    def kill(self) -> None:
        """End it and its engine at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)
        self._process.wait()

    def _is_well(self) -> bool:
        assert self._process.poll() is None, self._log.read_text(errors="replace")[-3000:]
        try:
            return httpx.get(f"{self.url}/health", timeout=10).is_success
        except httpx.TransportError:
            return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
