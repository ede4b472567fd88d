import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.audio.waveform import Waveform
from auricle.diarization.windows import (
    FRAME_LENGTH,
    FRAME_STEP,
    STEP,
    WINDOW,
    AudioWindow,
    WindowCutter,
)


def cut(waveform: Waveform, sizes: list[int]) -> list[AudioWindow]:
    cutter = WindowCutter()
    windows = []
    for block in np.split(waveform, np.cumsum(sizes)):
        windows += cutter.feed(block)
    return windows + cutter.finish()


def counting(n_samples: int) -> Waveform:
    return np.arange(n_samples, dtype=np.float32)


@settings(max_examples=30, deadline=None)
@given(
    n_samples=st.integers(0, 4 * WINDOW),
    sizes=st.lists(st.integers(1, WINDOW + STEP), max_size=8),
)
def test_windows_do_not_depend_on_blocks(n_samples: int, sizes: list[int]) -> None:
    whole, parts = cut(counting(n_samples), []), cut(counting(n_samples), sizes)
    assert [window.start for window in whole] == [window.start for window in parts]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one.waveform, other.waveform)


@pytest.mark.parametrize("n_samples", [0, 1, FRAME_LENGTH - 1])
def test_less_than_a_frame_has_no_window(n_samples: int) -> None:
    assert cut(counting(n_samples), []) == []


@pytest.mark.parametrize(
    "n_samples",
    [FRAME_LENGTH, WINDOW - 1, WINDOW, WINDOW + 1, WINDOW + FRAME_LENGTH, WINDOW + STEP, 700_001],
)
def test_windows_cover_the_recording_but_for_less_than_a_frame(n_samples: int) -> None:
    windows = cut(counting(n_samples), [])
    covered = 0
    for window in windows:
        assert window.start <= covered
        assert window.start % FRAME_STEP == 0
        assert 0 < len(window.waveform) <= WINDOW
        assert window.waveform[0] == window.start
        covered = window.start + len(window.waveform)
    assert n_samples - covered < FRAME_LENGTH
