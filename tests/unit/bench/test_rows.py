from pathlib import Path

import pytest

from auricle.engines.whisper.weights import WhisperDims
from auricle.scoring.wer import ErrorCounts
from manifest import Recording
from peaks import Peaks
from rows import first_delta, latency
from rows.floor import floor_s
from rows.long import audio_per_s, costs
from stage import Measurement
from systems import Answer

BASE = WhisperDims(80, 512, 6, 6, 51865, 1500, 448)


def measurement(wall_s: float, n: int = 0, cpu_s: float | None = None) -> Measurement:
    recording = Recording("r", Path("r.ogg"), "longform", "en", 60.0, "one two")
    answer = Answer("one", "en", wall_s=wall_s, cpu_s=cpu_s)
    return Measurement("a", recording, n, answer, ErrorCounts(2, 0, 1, 0))


def test_speed_is_of_all_recordings_together() -> None:
    measured = [measurement(10), measurement(30), measurement(40, 1, 20.0)]
    assert audio_per_s(measured[:2]) == 3
    _, rows = costs(measured)
    assert rows == [["a", "2.25 [1.50-3.00]", "3.00", "3/6 (50.0 %)"]]
    assert latency.latency_ms(measured) == 30_000


def test_the_slowest_file_counts_for_the_first_delta() -> None:
    firsts = {("a", "x"): [0.1, 9.0, 0.2], ("a", "y"): [0.3, 0.3, 0.4], ("b", "x"): [7.0]}
    assert first_delta.slowest("a", firsts).values == [0.3, 0.3, 0.4]


def test_the_floor_of_whisper_base_is_its_arithmetic_and_its_reading() -> None:
    peaks = Peaks(f32=200e9, bf16=500e9, int8=1000e9, memory=40e9)
    encoder_s = (56.6 + 9.4) / 1000 + (27.6 + 3.1) / 500
    assert floor_s(BASE, peaks, 0) == pytest.approx(encoder_s, rel=0.01)
    token_s = (48.6e6 / 8 + 18.4e6) / 40e9
    assert floor_s(BASE, peaks, 100) == pytest.approx(encoder_s + 100 * token_s, rel=0.01)
    of_bytes = floor_s(BASE, peaks, 100, cache_bytes=1)
    assert of_bytes == pytest.approx(encoder_s + 100 * (48.6e6 / 8 + 9.2e6) / 40e9, rel=0.01)
