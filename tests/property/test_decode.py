"""What holds for any recording, and for anything that looks like one."""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.errors import TooLarge, UnreadableAudio
from auricle.frontend.pool import Block, DecodeLimits, FrontEndPool, RecordingEnd
from harness.media import decode, encode, wav
from harness.speech import ASK_NOT, GERMAN, JFK
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


MEDIA: dict[str, Callable[[], bytes]] = {
    "flac": ASK_NOT.path.read_bytes,
    "mp3": JFK.path.read_bytes,
    "ogg": GERMAN.path.read_bytes,
    "wav": lambda: wav((speech() * 32_767).astype(np.int16)),
    "m4a": lambda: encode(speech(), SAMPLE_RATE, "mp4", "aac", "fltp"),
    "mkv": lambda: encode(speech(), SAMPLE_RATE, "matroska", "flac", "s16"),
    "ts": lambda: encode(speech(), SAMPLE_RATE, "mpegts", "mp2", "s16"),
    "wma": lambda: encode(speech(), SAMPLE_RATE, "asf", "wmav2", "fltp"),
    "avi": lambda: encode(speech(), SAMPLE_RATE, "avi", "pcm_s16le", "s16"),
    "au": lambda: encode(speech(), SAMPLE_RATE, "au", "pcm_mulaw", "s16"),
}


def speech() -> Waveform:
    return decode(ASK_NOT.path)[0]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, repeat and overwrite; the head is hit often, for there are the headers."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 3, 30])):
        at = rng.randrange(max(1, min(len(out), rng.choice([64, 1_024, len(out) or 1]))))
        match rng.randrange(5):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                out[at : at + 4] = rng.choice(
                    [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]
                )
            case 2:
                del out[at : at + rng.choice([1, 100, 10_000])]
            case 3:
                out[at:at] = out[at : at + rng.choice([1, 50, 5_000])]
            case _:
                out[at : at + 20] = rng.randbytes(20)
    return bytes(out)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncGenerator[FrontEndPool, None]:
    limits = DecodeLimits(max_audio_s=600)  # a mutated clock may ask for hours of silence
    pool = FrontEndPool(1, vad_file(), limits, 256 << 20)
    await pool.start()
    yield pool
    await pool.close()


async def outcome_of(pool: FrontEndPool, path: Path) -> str:
    """What a request for these bytes ends with; anything else is an error of ours."""
    n_samples = 0
    try:
        async with aclosing(pool.read(path)) as items:
            async for item in items:
                if isinstance(item, Block):
                    n_samples += len(item.waveform)
                    assert (np.abs(item.waveform) <= 1).all()
                else:
                    assert item.n_samples == n_samples
    except (TooLarge, UnreadableAudio) as error:
        return error.message
    return RecordingEnd.__name__


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", MEDIA)
async def test_mutated_media_end_as_recordings_or_refusals(
    pool: FrontEndPool, tmp_path: Path, kind: str
) -> None:
    await run_mutations(pool, tmp_path, kind, range(12))


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", MEDIA)
async def test_many_mutated_media(pool: FrontEndPool, tmp_path: Path, kind: str) -> None:
    await run_mutations(pool, tmp_path, kind, range(1_000, 3_000))


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
