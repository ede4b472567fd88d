"""What holds for any recording, and for anything that looks like one."""

import random
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from auricle.audio.waveform import SAMPLE_RATE
from auricle.frontend.pool import DecodeLimits, FrontEndPool, RecordingEnd
from harness.media import decode, wav
from harness.mutants import MEDIA, mutate, outcome_of
from harness.vad import vad_file


@given(
    seed=st.integers(0, 1_000),
    n_samples=st.integers(0, 20_000),
    n_channels=st.integers(1, 8),
    rate=st.sampled_from([1_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_001]),
    is_float=st.booleans(),
    scale=st.sampled_from([0.0, 1e-4, 0.3, 1.0, 3.0]),
)
def test_length_and_range_hold_for_any_form(
    seed: int, n_samples: int, n_channels: int, rate: int, *, is_float: bool, scale: float
) -> None:
    noise = scale * np.random.default_rng(seed).standard_normal((n_samples, n_channels))
    samples = (
        noise.astype(np.float32)
        if is_float
        else np.clip(noise * 32_767, -32_768, 32_767).astype(np.int16)
    )
    waveform, _ = decode(wav(samples, rate))
    assert len(waveform) == pytest.approx(n_samples * SAMPLE_RATE / rate, abs=1)
    assert waveform.dtype == np.float32
    assert (np.abs(waveform) <= 1).all()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncGenerator[FrontEndPool, None]:
    limits = DecodeLimits(max_audio_s=600)  # a mutated clock may ask for hours of silence
    pool = FrontEndPool(1, vad_file(), limits, 256 << 20)
    await pool.start()
    yield pool
    await pool.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", MEDIA)
async def test_mutated_media_end_as_recordings_or_refusals(
    pool: FrontEndPool, tmp_path: Path, kind: str
) -> None:
    await run_mutations(pool, tmp_path, kind, range(12))


async def run_mutations(pool: FrontEndPool, tmp_path: Path, kind: str, seeds: range) -> None:
    original, path = MEDIA[kind](), tmp_path / "mutated"
    given_up = []
    for seed in seeds:
        path.write_bytes(mutate(original, random.Random(seed)))
        if "gave up" in await outcome_of(pool, path):
            given_up.append(seed)
    path.write_bytes(original)
    assert await outcome_of(pool, path) == RecordingEnd.__name__
    assert given_up == [], "these seeds took the decoder down"
