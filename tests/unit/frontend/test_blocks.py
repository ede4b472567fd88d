"""A child that was taken over can send anything; nothing but sound blocks comes through."""

from typing import Any

import numpy as np
import pytest

from auricle.errors import TooLarge, UnreadableAudio
from auricle.frames import Frame
from auricle.frontend.blocks import (
    MAX_BLOCK_SAMPLES,
    MAX_MESSAGE_LENGTH,
    MAX_NOTICES,
    Block,
    ChildLost,
    RecordingEnd,
    parse,
)

BLOCK: dict[str, Any] = {"block": 0, "start": 1024, "n_samples": 1_000, "expected_s": None}
END: dict[str, Any] = {
    "end": 0,
    "n_samples": 1_024,
    "notices": ["cut off"],
    "decode_s": 0.5,
    "vad_s": 0.25,
    "resident_bytes": 1,
}


def floats(n: int, value: float = 0.5) -> bytes:
    return np.full(n, value, np.float32).tobytes()


def test_block_is_split_into_waveform_and_speech() -> None:
    block = parse(Frame(BLOCK, floats(1_000) + floats(2, 0.25)), 1_024)
    assert isinstance(block, Block)
    assert block.start == 1_024
    assert block.waveform.shape == (1_000,)
    assert block.speech.tolist() == [0.25, 0.25]
    assert not block.waveform.flags.writeable


def test_end_holds_what_the_child_said() -> None:
    assert parse(Frame(END), 1_024) == RecordingEnd(1_024, ("cut off",), 0.5, 0.25)


def test_failure_of_the_recording_is_its_own_error() -> None:
    failed = {"failed": 0, "reason": "too_large", "message": "longer than 3 s"}
    with pytest.raises(TooLarge, match="longer than 3 s"):
        parse(Frame(failed), 0)
    with pytest.raises(UnreadableAudio):
        parse(Frame({**failed, "reason": "unreadable"}), 0)


def test_texts_and_lists_of_a_child_are_bounded() -> None:
    end = parse(Frame({**END, "notices": ["x" * 100_000] * 1_000}), 1_024)
    assert isinstance(end, RecordingEnd)
    assert len(end.notices) == MAX_NOTICES
    assert len(end.notices[0]) == MAX_MESSAGE_LENGTH
    with pytest.raises(TooLarge) as caught:
        parse(Frame({"failed": 0, "reason": "too_large", "message": "x" * 100_000}), 0)
    assert len(caught.value.message) == MAX_MESSAGE_LENGTH


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({}, b""),
        ({"failed": 0}, b""),
        ({"failed": 0, "reason": "other", "message": ""}, b""),
        ({"failed": 0, "reason": [], "message": ""}, b""),
        ({**BLOCK, "start": 0}, floats(1_002)),
        ({**BLOCK, "start": "1024"}, floats(1_002)),
        ({**BLOCK, "n_samples": 999}, floats(1_002)),
        ({**BLOCK, "n_samples": 0}, b""),
        ({**BLOCK, "n_samples": -512}, b""),
        ({**BLOCK, "n_samples": 1e3}, floats(1_002)),
        ({**BLOCK, "n_samples": MAX_BLOCK_SAMPLES + 512}, floats(MAX_BLOCK_SAMPLES + 769)),
        (BLOCK, floats(1_001)),
        (BLOCK, floats(1_002)[:-1]),
        (BLOCK, floats(1_000) + floats(2, float("nan"))),
        (BLOCK, floats(1_002, float("inf"))),
        (BLOCK, floats(1_002, 1.5)),
        ({**BLOCK, "expected_s": -1.0}, floats(1_002)),
        ({**BLOCK, "expected_s": "nan"}, floats(1_002)),
        ({**BLOCK, "expected_s": []}, floats(1_002)),
        ({**END, "n_samples": 512}, b""),
        ({**END, "notices": 3}, b""),
        ({**END, "decode_s": "long"}, b""),
        ({**END, "vad_s": float("inf")}, b""),
        ({"end": 0}, b""),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_nonsense_loses_the_child(header: dict[str, Any], payload: bytes) -> None:
    with pytest.raises(ChildLost):
        parse(Frame(header, payload), 1_024)


def test_blocks_of_the_largest_size_pass() -> None:
    n = MAX_BLOCK_SAMPLES
    block = parse(Frame({**BLOCK, "n_samples": n}, floats(n + n // 512)), 1_024)
    assert isinstance(block, Block)
    assert len(block.waveform) == n
