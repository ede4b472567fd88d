import json
from pathlib import Path

import numpy as np
import pytest

from manifest import Recording
from speech import find_speech, hours_of_speech
from waveforms import read_waveform, write_waveform


def tone(folder: Path, name: str, duration_s: float) -> Path:
    times = np.arange(round(duration_s * 16_000)) / 16_000
    write_waveform(path := folder / name, (np.sin(times * 2764) / 2).astype(np.float32))
    return path


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_waveform_comes_back_as_it_was_written(tmp_path: Path, suffix: str) -> None:
    path = tone(tmp_path, f"tone{suffix}", 1.5)
    back = read_waveform(path)
    assert len(back) == 24_000
    assert abs(float(np.abs(back).max()) - 0.5) < 1e-3


def test_utterances_are_cut_out_of_long_recordings_and_none_counts_twice(tmp_path: Path) -> None:
    said = [
        {"start": 1.0, "end": 5.0, "text": "Alone"},
        {"start": 6.0, "end": 10.5, "text": "new one"},
        {"start": 11.0, "end": 12.0, "text": "too short"},
    ]
    (tmp_path / "said.json").write_text(json.dumps(said))
    path = tone(tmp_path, "long.wav", 20)
    recordings = [
        Recording("read", path, "read", "en", 4.0, "alone"),
        Recording("foreign", path, "read", "de", 4.0, "allein"),
        Recording("long", path, "longform", "en", 20.0, "x", tmp_path / "said.json"),
        Recording("longer", path, "longform", "en", 30.0, "y"),
    ]
    speech = find_speech(recordings, tmp_path, limit=1)
    assert [r.id for r in speech.long] == ["longer"]
    assert [r.reference for r in speech.utterances] == ["alone", "new one"]
    cut = speech.utterances[1]
    assert cut.duration_s == pytest.approx(4.7)
    assert len(read_waveform(cut.path)) == round(4.7 * 16_000)
    assert speech.near(4.5, 1) == [cut]


def test_hours_of_speech_repeat_recordings_in_changing_order(tmp_path: Path) -> None:
    recordings = [
        Recording(word, tone(tmp_path, f"{word}.wav", 1.0), "longform", "en", 1.0, word)
        for word in ("one", "two", "three", "four")
    ]
    hours, n_passes = hours_of_speech(recordings, 16.0, tmp_path)
    assert hours.duration_s == 15.0
    assert len(read_waveform(hours.path)) == 15 * 16_000
    words = (hours.reference or "").split()
    assert len(words) == 10
    assert n_passes == 3
    assert sorted(words[:4]) == sorted(words[4:8])
    assert words[:4] != words[4:8]
