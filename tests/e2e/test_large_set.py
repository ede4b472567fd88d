"""The large speech set: one sentence in every container and codec, and much that is no speech."""

from pathlib import Path

import httpx
import pytest

from auricle.scoring.text import normalize_basic
from harness.server import Server
from harness.speech import large_set
from harness.transcribe import post_all
from manifest import Recording

Answers = dict[Path, httpx.Response]


@pytest.fixture(scope="module")
def answers(server: Server) -> Answers:
    """To all recordings of this module at once, which uses all workers."""
    return post_all(server, [r.path for r in large_set() if r.kind in {"codec", "nospeech"}])


@pytest.mark.speech_set("codec")
def test_every_codec_gives_the_same_words(recording: Recording, answers: Answers) -> None:
    answer = answers[recording.path]
    if recording.path.suffix == ".pcm":  # without a header nothing says what the bytes are
        assert answer.status_code == 400
        assert answer.json()["code"] == "3051"
        return
    assert recording.reference
    assert answer.status_code == 200, answer.text
    assert normalize_basic(answer.json()["text"]) == normalize_basic(recording.reference)


@pytest.mark.speech_set("nospeech")
def test_no_words_without_speech(recording: Recording, answers: Answers) -> None:
    answer = answers[recording.path]
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"] == ""
    assert answer.json()["language"] is None
    assert answer.json()["segments"] == []
