"""Servers, ours and others', started on a free port for the time of a benchmark."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

_READY_DEADLINE_S = 300
_STOP_DEADLINE_S = 60
_POLL_S = 0.02
_CLOSED_DOORS = {"AURICLE_API_KEYS", "AURICLE_KEYS_FILE", "AURICLE_HOST"}


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server listens; `pid` is None if it was not started here.

    `start_s` is how long it took to answer, in seconds from the start of its process, `log` what
    it has printed so far.
    """

    url: str
    pid: int | None
    start_s: float = 0.0
    log: Path | None = None


@contextlib.contextmanager
def running_server(
    url: str | None, settings: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """The server at `url`, or one of our own that is started, awaited and stopped.

    Args:
        url: a running one; None starts one.
        settings: `AURICLE_…` variables for it, beside those of the environment.

    Raises:
        SystemExit: the server did not start; the message holds the end of its log.
    """
    if url is not None:
        yield RunningServer(url, pid=None)
        return
    beside_python = Path(sys.executable).with_name("auricle")
    command = str(beside_python) if beside_python.exists() else shutil.which("auricle")
    if command is None:
        raise SystemExit("the command `auricle` is not installed; run `make setup`")
    inherited = {name: value for name, value in os.environ.items() if name not in _CLOSED_DOORS}
    with started_server(
        [command, "serve", "--port"], "/health/ready", {**inherited, **(settings or {})}
    ) as server:
        yield server


@contextlib.contextmanager
def started_server(
    command: Sequence[str], ready: str, environ: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Any HTTP server as a process, stopped when the block ends.

    Args:
        command: how it is started; a free port is appended.
        ready: the path that answers 200 when it can work.
        environ: its environment; None is ours.

    Raises:
        SystemExit: the server did not start; the message holds the end of its log.
    """
    address = f"http://127.0.0.1:{(port := _free_port())}"
    with tempfile.NamedTemporaryFile() as log:
        started_s = time.monotonic()
        process = subprocess.Popen([*command, str(port)], env=environ, stdout=log, stderr=log)
        try:
            if not _becomes_ready(address + ready, process):
                said = Path(log.name).read_text(encoding="utf-8", errors="replace")
                raise SystemExit(f"{command[0]} did not start:\n{said[-3000:]}")
            start_s = time.monotonic() - started_s
            yield RunningServer(address, process.pid, start_s, Path(log.name))
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


def _becomes_ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline_s = time.monotonic() + _READY_DEADLINE_S
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline_s and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if client.get(url).status_code == httpx.codes.OK:
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
