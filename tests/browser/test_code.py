"""The programs on the screen, run exactly as they are shown."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from auricle.scoring.text import normalize_basic
from auricle.scoring.wer import count_errors
from browser.conftest import OpenPlayground
from browser.playground import Playground
from contract.sdk import NODE_MODULES, python_of
from harness.media_host import MediaHost
from harness.server import KEY
from harness.speech import ASK_NOT, GERMAN

pytestmark = pytest.mark.needs("chromium")

NAME = """it's "so"; $HOME & `x`.flac"""
"""A file name that would do harm where it is not quoted."""
NODE = pytest.mark.needs("node", "node-sdk")
ONE_X = ("from mistralai.client import Mistral", "from mistralai import Mistral")
PROGRAMS = [
    pytest.param("TypeScript", "node", id="typescript", marks=NODE),
    pytest.param("Python", "3", id="python-3"),
    pytest.param("Python", "2", id="python-2", marks=pytest.mark.needs("mistralai-2")),
    pytest.param("Python", "1", id="python-1", marks=pytest.mark.needs("mistralai-1")),
    pytest.param("curl", "sh", id="curl", marks=pytest.mark.needs("curl")),
]
CURRENT = [PROGRAMS[0], PROGRAMS[1], PROGRAMS[4]]


def run(program: str, interpreter: str, folder: Path) -> str:
    """What a program prints; 1.x is given the import that the program itself tells."""
    if interpreter == "node":
        (folder / "node_modules").symlink_to(NODE_MODULES)
        command = ["node", "--input-type=module", "--eval", program]
    elif interpreter == "sh":
        command = ["sh", "-c", program]
    else:
        if interpreter == "1":
            assert f"# mistralai 1.x: {ONE_X[1]}" in program
            program = program.replace(f"\n{ONE_X[0]}", f"\n{ONE_X[1]}")
        command = [python_of(interpreter), "-c", program]
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "AURICLE_API_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def said(printed: str, interpreter: str) -> str:
    """The transcript in what was printed: curl prints the answer itself."""
    if interpreter != "sh":
        return normalize_basic(printed)
    last = printed.strip().rpartition("data: ")[2]
    return normalize_basic(json.loads(last)["text"])


@pytest.mark.parametrize(("language", "interpreter"), PROGRAMS)
def test_a_file_streamed(
    playground: Playground, tmp_path: Path, language: str, interpreter: str
) -> None:
    recording = tmp_path / NAME
    recording.write_bytes(ASK_NOT.path.read_bytes())
    playground.choose(recording)
    playground.page.get_by_label("Language", exact=True).select_option("English")
    program = playground.show_code(language)
    assert KEY not in program
    assert said(run(program, interpreter, tmp_path), interpreter) == ASK_NOT.words


@pytest.mark.parametrize(("language", "interpreter"), PROGRAMS)
def test_words_to_expect(
    playground: Playground, tmp_path: Path, language: str, interpreter: str
) -> None:
    recording = tmp_path / "weissenburg.webm"
    recording.write_bytes(GERMAN.path.read_bytes())
    playground.choose(recording)
    playground.page.get_by_text("More", exact=True).press("Enter")  # it moves with what is said
    playground.page.get_by_label("Words and phrases to expect").fill("Weissenburg, Old Town")
    heard = said(run(playground.show_code(language), interpreter, tmp_path), interpreter)
    spoken = GERMAN.words.replace("weißenburg", "weissenburg").split()
    assert heard.count("weissenburg") == 2, heard
    assert count_errors(spoken, heard.split()).errors <= 1, heard


@pytest.mark.parametrize(("language", "interpreter"), CURRENT)
def test_a_url_at_once(
    playground: Playground,
    media_host: MediaHost,
    tmp_path: Path,
    language: str,
    interpreter: str,
) -> None:
    page = playground.page
    playground.choose_url(media_host.url_of(ASK_NOT.path))
    page.get_by_label("Times of").select_option("segment")
    page.get_by_text("More").click()
    page.get_by_label("Stream the text").uncheck()
    page.get_by_label("Temperature").fill("0.2")
    program = playground.show_code(language)
    assert said(run(program, interpreter, tmp_path), interpreter) == ASK_NOT.words


@pytest.mark.parametrize(("language", "interpreter"), CURRENT)
@pytest.mark.parametrize(
    ("operation", "expected"), [("retrieveModel", "whisper-base"), ("metrics", "auricle_requests")]
)
def test_other_endpoints(
    open_playground: OpenPlayground,
    tmp_path: Path,
    operation: str,
    expected: str,
    language: str,
    interpreter: str,
) -> None:
    playground = open_playground(path=f"/#/reference/{operation}")
    assert expected in run(playground.show_code(language), interpreter, tmp_path)
