import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE, Span, Waveform
from auricle.vad.segmenter import FRAME_LENGTH, Segmenter
from auricle.vad.silero import MAX_FRAMES, Probabilities, SileroVad, VadState
from harness.media import decode
from harness.speech import ASK_NOT, JFK, Clip
from harness.vad import vad_file
from manifest import Recording

SPEECH, _ = decode(ASK_NOT.path)
FRAME_S = FRAME_LENGTH / SAMPLE_RATE
ROUNDING = 1e-5
"""Frames that come one by one are multiplied by other kernels than several."""


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad(vad_file())


def listen(vad: SileroVad, waveform: Waveform, cuts: tuple[int, ...] = ()) -> Probabilities:
    state = VadState.at_start()
    parts = []
    for part in np.split(waveform, cuts):
        probabilities, state = vad.feed(part, state)
        parts.append(probabilities)
    return np.concatenate([*parts, vad.finish(state)])


def find_speech(vad: SileroVad, waveform: Waveform) -> list[Span]:
    segmenter = Segmenter()
    return segmenter.feed(listen(vad, waveform)) + segmenter.finish(len(waveform))


def attenuated(waveform: Waveform, db: float) -> Waveform:
    return (waveform * 10 ** (-db / 20)).astype(np.float32)


def test_one_probability_for_each_begun_frame(vad: SileroVad) -> None:
    for n_samples in (0, 1, FRAME_LENGTH - 1, FRAME_LENGTH, FRAME_LENGTH + 1):
        probabilities = listen(vad, SPEECH[:n_samples])
        assert len(probabilities) == -(-n_samples // FRAME_LENGTH)
        assert ((probabilities >= 0) & (probabilities <= 1)).all()


@pytest.mark.parametrize(
    "cuts", [(1,), (511, 512, 513), (5_000, 5_000, 70_001), tuple(range(0, 85_600, 333))]
)
def test_cut_of_the_stream_changes_nothing(vad: SileroVad, cuts: tuple[int, ...]) -> None:
    np.testing.assert_allclose(
        listen(vad, SPEECH, cuts), listen(vad, SPEECH), rtol=0, atol=ROUNDING
    )


def test_long_blocks_are_run_in_parts_and_change_nothing(vad: SileroVad) -> None:
    long = np.tile(SPEECH, 3)
    assert len(long) > 2 * MAX_FRAMES * FRAME_LENGTH
    frames = tuple(range(0, len(long), FRAME_LENGTH))
    np.testing.assert_allclose(listen(vad, long, frames), listen(vad, long), rtol=0, atol=ROUNDING)


def test_state_is_a_value(vad: SileroVad) -> None:
    """Two recordings may take turns, and a state may be used twice."""
    _, middle = vad.feed(SPEECH[:40_000], VadState.at_start())
    first, _ = vad.feed(SPEECH[40_000:], middle)
    vad.feed(np.zeros(40_000, np.float32), VadState.at_start())
    second, _ = vad.feed(SPEECH[40_000:], middle)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("clip", [ASK_NOT, JFK], ids=lambda clip: clip.path.name)
def test_speech_is_found_where_it_is(vad: SileroVad, clip: Clip) -> None:
    waveform, _ = decode(clip.path)
    spans = find_speech(vad, waveform)
    assert sum(span.n_samples for span in spans) > 0.6 * len(waveform)


@pytest.mark.parametrize("db", [10, 20, 30, 40])
def test_quiet_recording_has_the_same_spans(vad: SileroVad, db: float) -> None:
    normal, quiet = find_speech(vad, SPEECH), find_speech(vad, attenuated(SPEECH, db))
    assert len(quiet) == len(normal) == 2
    for a, b in zip(normal, quiet, strict=True):
        assert a.start == pytest.approx(b.start, abs=2 * FRAME_LENGTH)
        assert a.end == pytest.approx(b.end, abs=2 * FRAME_LENGTH)


@pytest.mark.parametrize("db", [20, 40, 60, 80])
@pytest.mark.parametrize("kind", ["white", "hum", "clicks"])
def test_quiet_noise_does_not_become_speech(vad: SileroVad, kind: str, db: float) -> None:
    n = 10 * SAMPLE_RATE
    rng = np.random.default_rng(0)
    hiss = rng.standard_normal(n)
    t = np.arange(n) / SAMPLE_RATE
    sound = {
        "white": hiss,
        "hum": sum(np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3, 5)) + 0.01 * hiss,
        "clicks": hiss * (rng.random(n) < 1e-4) * 100,
    }[kind]
    level = float(np.sqrt(np.mean(sound**2)))
    noise = (sound / level).astype(np.float32)
    assert find_speech(vad, np.clip(attenuated(noise, db), -1, 1)) == []


def test_digital_silence_is_no_speech(vad: SileroVad) -> None:
    assert listen(vad, np.zeros(10 * SAMPLE_RATE, np.float32)).max() < 0.1


def test_the_runtime_does_not_report_home(tmp_path: Path) -> None:
    """Its reporting shows in a file that it keeps among the temporary ones."""
    program = "import sys, pathlib, auricle.vad.silero as s; s.SileroVad(pathlib.Path(sys.argv[1]))"
    variables = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    subprocess.run(
        [sys.executable, "-c", program, str(vad_file())],
        env={**variables, "TMPDIR": str(tmp_path)},
        check=True,
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.speech_set("nospeech")
def test_recordings_without_speech_have_no_span(vad: SileroVad, recording: Recording) -> None:
    waveform, _ = decode(recording.path)
    assert find_speech(vad, waveform) == []
    assert find_speech(vad, attenuated(waveform, 40)) == []


@pytest.mark.speech_set("read", "command", "lid")
def test_recordings_with_speech_have_spans(vad: SileroVad, recording: Recording) -> None:
    waveform, _ = decode(recording.path)
    found = sum(span.n_samples for span in find_speech(vad, waveform))
    assert found > 0.4 * len(waveform)
