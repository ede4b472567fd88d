"""An official SDK in front of Auricle in front of real vLLM servers."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.sdk import Sdk, upload
from harness.long_recording import say_repeatedly
from harness.server import Server
from harness.speech import ASK_NOT, GERMAN, JFK
from harness.sse import Stream
from harness.transcribe import post
from harness.vllm import KEY, Vllm
from harness.waiting import eventually
from voxtral.conftest import IN_FRONT_OF_VLLM, MINI, NAME, TextsOf, joined, windows_of

pytestmark = IN_FRONT_OF_VLLM


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of speech: several windows."""
    return say_repeatedly(JFK, 6, tmp_path_factory.mktemp("long") / "long.wav")


@pytest.fixture(scope="session")
def expected(long: Path, plain_texts: TextsOf) -> dict[Path, str]:
    """What plain `generate` says to each recording, window by window."""
    recordings = [JFK.path, ASK_NOT.path, GERMAN.path, long]
    windows = [asyncio.run(windows_of(recording)) for recording in recordings]
    assert len(windows[-1]) > 2
    texts = iter(plain_texts([each for of_one in windows for each in of_one]))
    said = [joined([next(texts) for _ in of_one]) for of_one in windows]
    assert all(said)
    return dict(zip(recordings, said, strict=True))


def test_texts_are_those_of_plain_generate(
    voxtral_server: Server, expected: dict[Path, str]
) -> None:
    with voxtral_server.client() as client:
        for recording, text in expected.items():
            assert post(client, recording, model=MINI).json()["text"] == text


def test_windows_together_are_as_alone(voxtral_server: Server, expected: dict[Path, str]) -> None:
    recordings = list(expected) * 3
    with voxtral_server.client() as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda path: post(client, path, model=MINI).json(), recordings))
    assert [answer["text"] for answer in answers] == [expected[path] for path in recordings]


def test_every_sdk_gets_the_text_with_its_times(
    sdk_of_voxtral: Sdk, expected: dict[Path, str]
) -> None:
    answer = sdk_of_voxtral.complete(
        model=NAME, file=upload(JFK.path), timestamp_granularities=["word"]
    )
    assert answer["text"] == expected[JFK.path]
    assert answer["language"] == "en"  # heard in the sound, whatever the text says
    assert [word["text"] for word in answer["segments"]] == answer["text"].split()
    times = [time for word in answer["segments"] for time in (word["start"], word["end"])]
    assert times == sorted(times)
    usage = answer["usage"]
    assert usage["prompt_audio_seconds"] == 11
    assert usage["total_tokens"] == 4 + usage["completion_tokens"] + 375


def test_every_sdk_gets_the_stream_token_by_token(
    sdk_of_voxtral: Sdk, expected: dict[Path, str], long: Path
) -> None:
    events = list(sdk_of_voxtral.stream(model=MINI, file=upload(long), diarize=True))
    deltas = [e["data"]["text"] for e in events if e["event"] == "transcription.text.delta"]
    done: dict[str, Any] = events[-1]["data"]
    assert "".join(deltas) == done["text"] == expected[long]
    assert all(deltas)
    assert len(deltas) > len(done["text"].split()) / 2  # vLLM joins tokens when it is behind
    assert {segment["speaker_id"] for segment in done["segments"]} == {"speaker_1"}


def test_whoever_leaves_frees_vllm(voxtral_server: Server, vllms: list[Vllm], long: Path) -> None:
    with voxtral_server.client() as client:
        for _ in range(3):
            with Stream(client, long, model=MINI) as stream:
                assert stream.read() is not None
        eventually(lambda: all(vllm.gauge("num_requests_running") == 0 for vllm in vllms))
        assert post(client, ASK_NOT.path, model=MINI).json()["text"]


def test_both_servers_work(voxtral_server: Server, vllms: list[Vllm], long: Path) -> None:
    before = [vllm.gauge("request_success_total") for vllm in vllms]
    with voxtral_server.client() as client, ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: post(client, long, model=MINI).is_success, range(4)))
    after = [vllm.gauge("request_success_total") for vllm in vllms]
    assert all(b > a for a, b in zip(before, after, strict=True))


def test_a_killed_server_is_done_without_and_taken_back(
    voxtral_server: Server,
    vllms: list[Vllm],
    expected: dict[Path, str],
    long: Path,
    checkpoints: Path,
    tmp_path: Path,
) -> None:
    with voxtral_server.client() as client, ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(post, client, long, model=MINI) for _ in range(6)]
        eventually(lambda: vllms[0].gauge("num_requests_running") > 0)
        vllms[0].kill()
        assert {answer.result().json()["text"] for answer in answers} == {expected[long]}
        eventually(lambda: upstreams(client) == 1)
        assert post(client, JFK.path, model=MINI).json()["text"] == expected[JFK.path]
        again = Vllm(tmp_path / "log", checkpoints / "mini", NAME, port=vllms[0].port)
        vllms.append(again)  # the fixture ends it
        again.await_ready()
        eventually(lambda: upstreams(client) == 2)


def upstreams(client: httpx.Client) -> float:
    """How many vLLM servers Auricle holds for well."""
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("auricle_upstreams "))


def test_the_dialect_of_vllm_is_still_the_one_we_know(vllms: list[Vllm]) -> None:
    """What Auricle exists for: a Mistral client's fields mean nothing there."""
    with JFK.path.open("rb") as file:
        answer = httpx.post(
            f"{vllms[1].url}/v1/audio/transcriptions",
            headers={"authorization": f"Bearer {KEY}"},
            data={"model": NAME, "timestamp_granularities": "word", "diarize": "true"},
            files={"file": ("jfk.mp3", file)},
            timeout=120,
        )
    assert set(answer.json()) == {"text", "usage"}
    assert answer.json()["usage"] == {"type": "duration", "seconds": 11}
