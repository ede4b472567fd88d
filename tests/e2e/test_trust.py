"""Text one can trust: nothing where nobody speaks, and everybody in their own language."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from auricle.audio.waveform import SAMPLE_RATE
from auricle.scoring.text import normalize_basic
from harness.server import Server
from harness.speech import ASK_NOT, GERMAN, Clip
from harness.transcribe import MODEL, PATH, post
from systems import fold_events, sse_payloads
from waveforms import read_waveform, write_waveform

Sound = NDArray[np.float32]
PAUSE = np.zeros(SAMPLE_RATE * 6 // 10, np.float32)


def white(n_samples: int) -> Sound:
    return np.random.default_rng(0).normal(0, 0.1, n_samples).astype(np.float32)


def pink(n_samples: int) -> Sound:
    spectrum = np.fft.rfft(white(n_samples))
    spectrum /= np.sqrt(np.arange(1, len(spectrum) + 1))
    sound = np.fft.irfft(spectrum, n_samples).astype(np.float32)
    return np.asarray(sound / np.abs(sound).max() / 2, np.float32)


def hum(n_samples: int) -> Sound:
    """A mains hum with harmonics that swells."""
    t = np.arange(n_samples) / SAMPLE_RATE
    sound = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3, 5))
    return np.asarray(0.2 * sound * (1 + np.sin(t)) / 2, np.float32)


def chord(n_samples: int) -> Sound:
    """Four tones that are struck every second."""
    t = np.arange(n_samples) / SAMPLE_RATE
    struck = np.exp(-3 * (t % 1))
    sound = sum(np.sin(2 * np.pi * tone * t) for tone in (220.0, 277.2, 329.6, 440.0))
    return np.asarray(0.1 * struck * sound, np.float32)


def silence(n_samples: int) -> Sound:
    return np.zeros(n_samples, np.float32)


@pytest.mark.parametrize("sound", [silence, white, pink, hum, chord])
def test_no_words_where_nobody_speaks(
    sound: Callable[[int], Sound], server: Server, tmp_path: Path
) -> None:
    write_waveform(path := tmp_path / "sound.wav", sound(12 * SAMPLE_RATE))
    with server.client() as client:
        answer = post(client, path).json()
    assert (answer["text"], answer["language"], answer["segments"]) == ("", None, [])


def spelt_alike(text: str) -> str:
    """Normalized; one German word is a tie of two spellings, which processors break differently."""
    return normalize_basic(text).replace("kreistadt", "kreisstadt")


@pytest.mark.parametrize("order", [(GERMAN, ASK_NOT), (ASK_NOT, GERMAN)])
def test_two_languages_in_one_window_are_both_transcribed(
    order: tuple[Clip, Clip], server: Server, tmp_path: Path
) -> None:
    first, second = (read_waveform(clip.path) for clip in order)
    write_waveform(path := tmp_path / "both.wav", np.concatenate([first, PAUSE, second]))
    with server.client() as client:
        alone = [post(client, clip.path).json()["text"] for clip in order]
        joined = post(client, path).json()["text"]
        form = {"model": MODEL, "stream": "true"}
        with path.open("rb") as file:
            streamed = client.post(PATH, data=form, files={"file": ("both.wav", file)})
    assert spelt_alike(joined) == spelt_alike(" ".join(alone))
    text, language, _ = fold_events(sse_payloads(iter(streamed.text.splitlines())))
    assert text == joined
    assert language in {clip.language for clip in order}


def test_the_callers_language_is_not_split(server: Server, tmp_path: Path) -> None:
    german, english = (read_waveform(clip.path) for clip in (GERMAN, ASK_NOT))
    write_waveform(path := tmp_path / "both.wav", np.concatenate([german, PAUSE, english]))
    with server.client() as client:
        answer = post(client, path, language="de").json()
    assert answer["language"] == "de"
    assert "Weißenburg" in answer["text"]
