"""Servers that a test may do anything to."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.long_recording import say_repeatedly
from harness.server import Server
from harness.speech import JFK

StartServer = Callable[..., Server]
SMALL = {"workers": "1", "decoders": "1"}
"""Settings of a server that starts quickly."""


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts servers with the given settings; what still runs at the end is killed."""
    started: list[Server] = []

    def start(**settings: str) -> Server:
        server = Server(tmp_path_factory.mktemp("server") / "log", **settings)
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of speech: several windows of the model."""
    return say_repeatedly(JFK, 5, tmp_path_factory.mktemp("long") / "long.wav")
