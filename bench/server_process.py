"""The real server, started on a free port for the time of a benchmark."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

_READY_DEADLINE_S = 300
_STOP_DEADLINE_S = 60
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens; `pid` is None if it was not started here."""

    url: str
    pid: int | None


@contextlib.contextmanager
def running_server(url: str | None) -> Iterator[RunningServer]:
    """The server at `url`, or one of our own that is started, awaited and stopped.

    Raises:
        SystemExit: the server did not start; the message holds the end of its log.
    """
    if url is not None:
        yield RunningServer(url, pid=None)
        return
    with tempfile.TemporaryFile() as log, _started(port := _free_port(), log.fileno()) as process:
        address = f"http://127.0.0.1:{port}"
        if not _becomes_ready(address, process):
            log.seek(0)
            raise SystemExit(f"auricle serve did not start:\n{log.read().decode()[-3000:]}")
        yield RunningServer(address, process.pid)


@contextlib.contextmanager
def _started(port: int, log: int) -> Iterator[subprocess.Popen[bytes]]:
    beside_python = Path(sys.executable).with_name("auricle")
    command = str(beside_python) if beside_python.exists() else shutil.which("auricle")
    if command is None:
        raise SystemExit("the command `auricle` is not installed; run `make setup`")
    closed_doors = {"AURICLE_API_KEYS", "AURICLE_KEYS_FILE", "AURICLE_HOST"}
    process = subprocess.Popen(
        [command, "serve", "--port", str(port)],
        env={name: value for name, value in os.environ.items() if name not in closed_doors},
        stdout=log,
        stderr=log,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _becomes_ready(address: str, process: subprocess.Popen[bytes]) -> bool:
    deadline_s = time.monotonic() + _READY_DEADLINE_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{address}/health/ready").status_code == httpx.codes.OK:
                return True
        time.sleep(_POLL_S)
    return False


def connect(server: RunningServer) -> httpx.Client:
    """A client with the caller's key (AURICLE_API_KEY), patient enough for long recordings."""
    key = os.environ.get("AURICLE_API_KEY")
    return httpx.Client(
        base_url=server.url,
        headers={"authorization": f"Bearer {key}"} if key else {},
        timeout=httpx.Timeout(1800, connect=10),
        trust_env=False,
    )
