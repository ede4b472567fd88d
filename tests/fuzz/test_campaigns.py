"""The campaigns of `make fuzz`: each takes a share of the time, and says the seed of a failure."""

import random
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from auricle.frontend.pool import DecodeLimits, FrontEndPool
from fuzz.conftest import Seeds
from harness.any_request import OPERATIONS, campaign, kinds_of
from harness.mutants import MEDIA, mutate, outcome_of
from harness.processes import DECODER, ENGINE_WORKER, workers
from harness.server import KEY, Server
from harness.speech import ASK_NOT
from harness.transcribe import MODEL, PATH, post
from harness.vad import vad_file
from property import test_bodies
from unit.server.wire.body_kinds import JSON, MULTIPART, json_body, multipart, part

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(0)]

N_REQUESTS = 200
ANSWER_S = 60.0
BODY_PROPERTIES = [
    test_bodies.test_damaged_bodies_are_read_or_refused,
    test_bodies.test_any_values_make_a_request_or_a_refusal,
    test_bodies.test_forms_mean_the_same_however_they_are_cut,
    test_bodies.test_uploads_arrive_unharmed_however_they_are_cut,
    test_bodies.test_json_means_the_same_however_it_is_cut,
    test_bodies.test_a_long_text_that_is_no_json_is_a_value_error,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncGenerator[FrontEndPool, None]:
    pool = FrontEndPool(1, vad_file(), DecodeLimits(max_audio_s=600), 256 << 20)
    await pool.start()
    yield pool
    await pool.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_mutated_media(pool: FrontEndPool, tmp_path: Path, seeds: Seeds) -> None:
    originals = {kind: make() for kind, make in MEDIA.items()}
    given_up = []
    for seed in seeds(0.5):
        rng = random.Random(seed)
        kind = rng.choice(list(originals))
        path = tmp_path / "mutated"
        path.write_bytes(mutate(originals[kind], rng))
        if "gave up" in await outcome_of(pool, path):
            given_up.append((kind, seed))
    assert given_up == [], "these took the decoder down"


def test_bodies_of_requests(seeds: Seeds) -> None:
    for seed in seeds(0.2):
        BODY_PROPERTIES[seed % len(BODY_PROPERTIES)]()


def test_requests_made_from_the_document(fuzzed_server: Server, seeds: Seeds) -> None:
    cases = [(operation, mode) for operation in OPERATIONS for mode in kinds_of(operation)]
    for seed in seeds(0.15):
        operation, mode = cases[seed % len(cases)]
        campaign(operation, mode, fuzzed_server.url, KEY, N_REQUESTS)()


@pytest.mark.needs("procfs")
def test_mutated_requests_on_the_wire(fuzzed_server: Server, seeds: Seeds) -> None:
    for seed in seeds(0.15):
        answer = exchange(fuzzed_server.url, mutated_request(random.Random(seed)))
        assert not answer.startswith(b"HTTP/1.1 500 "), f"seed {seed}: {answer!r}"
    assert len(workers(fuzzed_server.pid, ENGINE_WORKER)) == 1
    assert workers(fuzzed_server.pid, DECODER)
    with fuzzed_server.client() as client:
        assert post(client, ASK_NOT.path).is_success


def mutated_request(rng: random.Random) -> bytes:
    """A transcription whose head, form or recording is damaged, or all of them."""
    recording = mutate(ASK_NOT.path.read_bytes()[:20_000], rng)
    kind, body = rng.choice(
        [
            (MULTIPART, multipart([part("model", MODEL.encode()), part("file", recording)])),
            (JSON, json_body({"model": MODEL, "file_url": "data:audio/flac;base64,AAAA"})),
        ]
    )
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    if rng.random() < 0.5:
        head = mutate(head, rng)
    if rng.random() < 0.5:
        body = mutate(body, rng)
    return head + body


def exchange(url: str, request: bytes) -> bytes:
    """Send all, say that this is the end, and return the beginning of the answer."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port or 80), ANSWER_S) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(4096)
        except ConnectionError:  # what is no HTTP may be cut off
            return b""
