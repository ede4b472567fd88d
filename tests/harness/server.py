"""A real `auricle serve` process on a free port."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from harness.waiting import eventually

STOP_DEADLINE_S = 60
KEY = "test-key-of-the-contract-tests"
AURICLE = str(Path(sys.executable).with_name("auricle"))
KEPT_SETTINGS = (
    "AURICLE_CACHE_DIR",
    "AURICLE_WEIGHT_SOURCES",
    "AURICLE_WEIGHTS_DIR",
    "AURICLE_ENGINE",
)
"""Where this machine has its weights, and which engine is tested; nothing else of the caller's
settings counts."""


def environment(**settings: str) -> dict[str, str]:
    """The environment of a process under test.

    Args:
        settings: by their flat name, `api_keys="a,b"`.
    """
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AURICLE_") or name in KEPT_SETTINGS
    }
    return own | {f"AURICLE_{name.upper()}": value for name, value in settings.items()}


class Server:
    """A running server. Owner: whoever started it, who must `stop` it or `kill` it."""

    def __init__(
        self, log: Path, command: Sequence[str | Path] = (AURICLE,), **settings: str
    ) -> None:
        """Start it and wait until it has proved an inference.

        Args:
            log: file for all it prints.
            command: runs Auricle's command line.
            settings: as in `environment`; a key is configured and the port is free.

        Raises:
            AssertionError: it ended or did not get ready; the message holds its log.
        """
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, "serve"],
                env=environment(**{"api_keys": f"tester={KEY}", "port": "0", **settings}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=log.parent,  # no auricle.toml of the caller's
            )
        try:
            self.url = self._await_url()
            self._await_ready()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """Of the API process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """All it has printed so far."""
        return self._log.read_text(errors="replace")

    def client(self, key: str | None = KEY) -> httpx.Client:
        """An HTTP client with the key, patient enough for a busy machine."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=240, trust_env=False)

    def send_signal(self, number: signal.Signals) -> None:
        """To the API process alone."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit status, once it has ended by itself.

        Raises:
            subprocess.TimeoutExpired: it goes on.
        """
        return self._process.wait(STOP_DEADLINE_S)

    def stop(self) -> int:
        """Ask it to end; returns its exit status."""
        self.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it at once, if it still runs; its children notice by themselves."""
        self._process.kill()
        self._process.wait()

    def _await_url(self) -> str:
        return eventually(self._announced, self._diagnosis)

    def _announced(self) -> str:
        self._check_alive()
        found = re.search(r"server\.ready\b.*?(http://127\.0\.0\.1:\d+)", self.log)
        return found[1] if found else ""

    def _await_ready(self) -> None:
        with self.client(key=None) as client:
            eventually(lambda: self._answers_ready(client), self._diagnosis)

    def _answers_ready(self, client: httpx.Client) -> bool:
        self._check_alive()
        return client.get("/health/ready").is_success

    def _check_alive(self) -> None:
        assert self._process.poll() is None, self._diagnosis()

    def _diagnosis(self) -> str:
        return f"auricle serve did not get ready; it printed:\n{self.log[-5000:]}"
