"""Transcribing by plain HTTP."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from harness.server import Server

PATH = "/v1/audio/transcriptions"
MODEL = "voxtral-mini-latest"
N_CLIENTS = 4


def post(client: httpx.Client, recording: Path, **fields: str) -> httpx.Response:
    """The answer to one upload."""
    with recording.open("rb") as file:
        return client.post(
            PATH, data={"model": MODEL, **fields}, files={"file": (recording.name, file)}
        )


def post_all(server: Server, recordings: Iterable[Path]) -> dict[Path, httpx.Response]:
    """The answers to many uploads, several at once."""
    paths = list(recordings)
    with server.client() as client, ThreadPoolExecutor(N_CLIENTS) as pool:
        return dict(zip(paths, pool.map(lambda path: post(client, path), paths), strict=True))
