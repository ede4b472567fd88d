"""Recordings of many kinds, damaged at random."""

import random
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np

from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.errors import TooLarge, UnreadableAudio
from auricle.frontend.pool import Block, FrontEndPool, RecordingEnd
from harness.media import decode, encode, wav
from harness.speech import ASK_NOT, GERMAN, JFK

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
