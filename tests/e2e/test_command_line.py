"""`auricle transcribe`: on this machine and by a server, in every format."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from auricle.scoring.text import normalize_basic
from harness.media_host import MediaHost
from harness.server import AURICLE, KEY, Server, environment
from harness.speech import ASK_NOT, GERMAN, JFK
from harness.transcribe import post

Ended = subprocess.CompletedProcess[str]
Transcribe = Callable[..., Ended]


def run(*arguments: str, stdin: bytes = b"", **variables: str) -> Ended:
    ended = subprocess.run(
        [AURICLE, "transcribe", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=240,
        env=environment(**variables),
    )
    return Ended(ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode())


@pytest.fixture
def transcribe(server: Server) -> Transcribe:
    """The command, with the running server doing the work."""

    def call(*arguments: str, stdin: bytes = b"") -> Ended:
        return run("--server", server.url, *arguments, stdin=stdin, api_key=KEY)

    return call


def test_on_this_machine() -> None:
    ended = run("--workers", "1", str(ASK_NOT.path), decoders="1")
    assert ended.returncode == 0, ended.stderr
    assert normalize_basic(ended.stdout) == ASK_NOT.words
    assert ended.stdout.endswith("\n")


def test_a_prompt_is_gone_on_with() -> None:
    prompt = "hello world this is all in small letters and without any marks so it goes on and on"
    ended = run("--workers", "1", "--prompt", prompt, str(JFK.path), decoders="1")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("and so my fellow americans ask not")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("x" * 1001, "prompt has 1001 characters, more than 1000"),
        (os.fsdecode(b"Zo\xff"), "prompt holds bytes that are no UTF-8 text"),
    ],
    ids=["long", "bytes"],
)
def test_a_prompt_that_is_none_is_refused(prompt: str, message: str) -> None:
    ended = run("--workers", "1", "--prompt", prompt, str(ASK_NOT.path), decoders="1")
    assert ended.returncode == 1
    assert message in ended.stderr


def test_speakers_are_named(transcribe: Transcribe) -> None:
    ended = transcribe("--diarize", "--format", "srt", str(ASK_NOT.path))
    assert ended.returncode == 0, ended.stderr
    cues = [line for line in ended.stdout.splitlines() if line and not line[0].isdigit()]
    assert cues
    assert all(cue.startswith("speaker_1: ") for cue in cues)


def test_words_to_expect(transcribe: Transcribe) -> None:
    ended = transcribe("--bias", "Weissenburg", "--bias", "LANDKREISES", str(GERMAN.path))
    assert ended.returncode == 0, ended.stderr
    assert "des LANDKREISES Weissenburg" in ended.stdout


def test_an_engine_that_cannot_be_biased_says_so() -> None:
    arguments = ("--engine", "ctranslate2", "--workers", "1", "--bias", "Kennedy")
    ended = run(*arguments, str(ASK_NOT.path), decoders="1")
    assert ended.returncode == 1
    assert "context_bias: model whisper-base cannot be told" in ended.stderr


def test_by_a_server(transcribe: Transcribe) -> None:
    ended = transcribe(str(JFK.path))
    assert ended.returncode == 0, ended.stderr
    assert normalize_basic(ended.stdout) == JFK.words


def test_json(transcribe: Transcribe) -> None:
    document = json.loads(transcribe("--format", "json", str(ASK_NOT.path)).stdout)
    assert normalize_basic(document["text"]) == ASK_NOT.words
    assert document["language"] == "en"
    assert document["segments"][0]["end"] <= ASK_NOT.duration_s


def test_words_are_the_servers_own_in_segments(transcribe: Transcribe, server: Server) -> None:
    document = json.loads(transcribe("--format", "json", "--words", str(JFK.path)).stdout)
    with server.client() as client:
        answer = post(client, JFK.path, timestamp_granularities="word").json()
    words = [word for segment in document["segments"] for word in segment["words"]]
    keys = ("text", "start", "end", "score")
    assert [[w[k] for k in keys] for w in words] == [
        [w[k] for k in keys] for w in answer["segments"]
    ]
    assert " ".join(segment["text"] for segment in document["segments"]) == document["text"]


@pytest.mark.parametrize(
    ("subtitles", "first_line", "separator"), [("srt", "1", ","), ("vtt", "WEBVTT", ".")]
)
def test_subtitles(transcribe: Transcribe, subtitles: str, first_line: str, separator: str) -> None:
    lines = transcribe("--format", subtitles, str(ASK_NOT.path)).stdout.splitlines()
    assert lines[0] == first_line
    cues = [line for line in lines if "-->" in line]
    assert cues
    assert cues == sorted(cues)
    assert all(cue.startswith("00:00:0") and separator in cue for cue in cues)


def test_standard_input(transcribe: Transcribe) -> None:
    ended = transcribe("-", stdin=ASK_NOT.path.read_bytes())
    assert normalize_basic(ended.stdout) == ASK_NOT.words


def test_url(transcribe: Transcribe, media_host: MediaHost) -> None:
    ended = transcribe(media_host.url_of(ASK_NOT.path))
    assert normalize_basic(ended.stdout) == ASK_NOT.words


def test_one_bad_input_does_not_stop_the_others(transcribe: Transcribe, tmp_path: Path) -> None:
    ended = transcribe(str(tmp_path / "missing.wav"), str(ASK_NOT.path))
    assert ended.returncode == 1
    assert "missing.wav" in ended.stderr
    assert normalize_basic(ended.stdout).endswith(ASK_NOT.words)


def test_a_wrong_key_is_said_in_one_sentence(server: Server) -> None:
    ended = run("--server", server.url, str(ASK_NOT.path), api_key="wrong")
    assert ended.returncode == 1
    assert "401" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_wrong_usage() -> None:
    assert run().returncode == 2
