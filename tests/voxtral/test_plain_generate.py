"""What the seeded checkpoints say by transformers alone is kept in `golden.json`."""

import asyncio
from pathlib import Path

import pytest

from auricle.audio.waveform import Waveform
from harness.speech import ASK_NOT
from harness.transformers import CHECKPOINTS
from voxtral.conftest import GOLDEN, GOLDEN_RECORDINGS, TextsOf, joined, windows_of

pytestmark = pytest.mark.needs("transformers")


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_it_says_what_is_known(
    checkpoint: str, waveforms: dict[str, Waveform], plain_texts: TextsOf
) -> None:
    texts = plain_texts(list(waveforms.values()), checkpoint)
    said = dict(zip(waveforms, (joined([text]) for text in texts), strict=True))
    assert said == GOLDEN[checkpoint]
    assert len(set(said.values())) > 1


@pytest.mark.voxtral
@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_it_says_what_is_known_of_recordings(
    checkpoint: str, half_a_minute: Path, plain_texts: TextsOf
) -> None:
    for name, path in {"ask_not": ASK_NOT.path, "long": half_a_minute}.items():
        windows = asyncio.run(windows_of(path))
        text = joined(plain_texts(windows, checkpoint))
        assert text == GOLDEN_RECORDINGS[checkpoint][name]
