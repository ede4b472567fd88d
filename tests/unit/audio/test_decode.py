import io
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from auricle.audio.decode import BLOCK, Decoder
from auricle.audio.decode_limits import DecodeLimits
from auricle.audio.waveform import SAMPLE_RATE, Waveform
from auricle.errors import TooLarge, UnreadableAudio
from harness.media import decode, encode, level_db, similarity, tone, wav
from harness.speech import ASK_NOT, GERMAN, JFK, Clip
from manifest import Recording

SPEECH, _ = decode(ASK_NOT.path)

FORMS = [
    ("wav", "pcm_s16le", "s16", 16_000),
    ("wav", "pcm_u8", "u8", 16_000),
    ("wav", "pcm_s32le", "s32", 24_000),
    ("wav", "pcm_f64le", "dbl", 44_100),
    ("wav", "pcm_mulaw", "s16", 8_000),
    ("w64", "pcm_s16le", "s16", 11_025),
    ("aiff", "pcm_s16be", "s16", 22_050),
    ("au", "pcm_s16be", "s16", 16_000),
    ("flac", "flac", "s16", 96_000),
    ("ogg", "libopus", "flt", 48_000),
    ("webm", "libopus", "flt", 48_000),
    ("matroska", "pcm_s16le", "s16", 16_000),
    ("mp4", "aac", "fltp", 44_100),
    ("adts", "aac", "fltp", 44_100),
    ("mp3", "libmp3lame", "fltp", 44_100),
    ("ac3", "ac3", "fltp", 48_000),
]


def at_rate(waveform: Waveform, rate: int) -> Waveform:
    """The waveform at another rate, by plain interpolation."""
    n = round(len(waveform) * rate / SAMPLE_RATE)
    return np.interp(np.arange(n) / rate, np.arange(len(waveform)) / SAMPLE_RATE, waveform).astype(
        np.float32
    )


@pytest.mark.parametrize(("container", "codec", "form", "rate"), FORMS)
def test_common_forms_give_the_same_sound(container: str, codec: str, form: str, rate: int) -> None:
    recording = encode(at_rate(SPEECH, rate), rate, container, codec, form)
    waveform, notices = decode(recording)
    assert len(waveform) / SAMPLE_RATE == pytest.approx(5.35, abs=0.08)  # codecs pad
    assert similarity(waveform, SPEECH) > 0.95
    assert notices == []


@pytest.mark.parametrize("clip", [JFK, ASK_NOT, GERMAN], ids=lambda clip: clip.path.name)
def test_clips_of_the_repository_decode_without_notices(clip: Clip) -> None:
    waveform, notices = decode(clip.path)
    assert len(waveform) / SAMPLE_RATE == pytest.approx(clip.duration_s, abs=0.01)
    assert notices == []


@pytest.mark.speech_set("codec")
def test_every_codec_of_the_large_set(recording: Recording) -> None:
    if recording.path.suffix == ".pcm":
        with pytest.raises(UnreadableAudio):
            decode(recording.path)
        return
    waveform, notices = decode(recording.path)
    assert len(waveform) / SAMPLE_RATE == pytest.approx(recording.duration_s, abs=0.02)
    # AMR and GSM keep the words, not the waveform
    assert similarity(waveform, SPEECH) > 0.85
    level = level_db(SPEECH) - (40 if "quiet" in recording.id else 0)
    assert level_db(waveform) == pytest.approx(level, abs=3.5)  # equal channels: their mean
    assert notices == []


def test_blocks_are_whole_but_for_the_last() -> None:
    decoder = Decoder(io.BytesIO(wav(tone(3.3))), DecodeLimits())
    lengths = [len(block) for block in decoder.blocks()]
    assert lengths == [BLOCK, BLOCK, BLOCK, round(3.3 * SAMPLE_RATE) - 3 * BLOCK]


@pytest.mark.parametrize("n_samples", [0, 1, 160])
def test_recordings_of_next_to_nothing_are_recordings(n_samples: int) -> None:
    waveform, notices = decode(wav(np.full(n_samples, 1000, np.int16)))
    assert len(waveform) == n_samples
    assert notices == []


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"hello " * 200, b"<html>" * 100, b'{"a": 1}', SPEECH.tobytes()],
    ids=["empty", "one byte", "text", "html", "json", "headerless"],
)
def test_what_is_no_recording_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableAudio):
        decode(data)


@pytest.mark.parametrize("seed", range(20))
def test_noise_without_a_header_is_unreadable(seed: int) -> None:
    with pytest.raises(UnreadableAudio):
        decode(np.random.default_rng(seed).bytes(20_000))


def test_picture_without_sound_is_unreadable() -> None:
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + bytes(100)
    with pytest.raises(UnreadableAudio):
        decode(png)


class TestLimits:
    def test_length_at_the_limit_passes_and_above_fails(self) -> None:
        limits = DecodeLimits(max_audio_s=1)
        assert len(decode(wav(tone(1.0)), limits)[0]) == SAMPLE_RATE
        with pytest.raises(TooLarge, match="the limit is 1 seconds"):
            decode(wav(np.append(tone(1.0), np.float32(0))), limits)

    def test_stated_length_over_the_limit_is_refused_before_decoding(self) -> None:
        decoder = Decoder(io.BytesIO(wav(tone(10.0))), DecodeLimits(max_audio_s=3))
        with pytest.raises(TooLarge, match="10 seconds long, the limit is 3"):
            next(decoder.blocks())

    def test_length_is_counted_where_none_is_stated(self) -> None:
        recording = encode(tone(10.0, 44_100), 44_100, "adts", "aac", "fltp")
        blocks = Decoder(io.BytesIO(recording), DecodeLimits(max_audio_s=5)).blocks()
        with pytest.raises(TooLarge, match="the limit is 5 seconds"):
            for _ in blocks:
                pass

    def test_decoded_bytes_at_the_limit_pass_and_above_fail(self) -> None:
        recording = wav(np.zeros((8_000, 2), np.int16))
        decode(recording, DecodeLimits(max_decoded_bytes=32_000))
        with pytest.raises(TooLarge, match="the limit of 31999 bytes"):
            decode(recording, DecodeLimits(max_decoded_bytes=31_999))

    def test_channels_at_the_limit_pass_and_above_fail(self) -> None:
        recording = wav(np.zeros((1_000, 6), np.int16))
        decode(recording, DecodeLimits(max_channels=6))
        with pytest.raises(TooLarge, match="6 channels, the limit is 5"):
            decode(recording, DecodeLimits(max_channels=5))

    def test_sample_rate_at_the_limit_passes_and_above_fails(self) -> None:
        decode(wav(tone(0.1), 96_000), DecodeLimits(max_sample_rate=96_000))
        with pytest.raises(TooLarge, match="96001 Hz, the limit is 96000 Hz"):
            decode(wav(tone(0.1), 96_001), DecodeLimits(max_sample_rate=96_000))

    def test_sample_rate_below_the_lowest_is_unreadable(self) -> None:
        decode(wav(tone(0.1), 1_000), DecodeLimits(min_sample_rate=1_000))
        with pytest.raises(UnreadableAudio):
            decode(wav(tone(0.1), 999), DecodeLimits(min_sample_rate=1_000))

    @pytest.mark.parametrize("rate", [0, 0xFFFFFFFF])
    def test_absurd_sample_rates_are_unreadable(self, rate: int) -> None:
        with pytest.raises(UnreadableAudio):
            decode(
                wav(np.zeros(16_000, np.int16)).replace(
                    struct.pack("<I", SAMPLE_RATE), struct.pack("<I", rate), 1
                )
            )

    def test_packets_without_sound_have_a_limit(self) -> None:
        recording = encode(tone(20.0, 48_000), 48_000, "ogg", "libopus")
        broken = break_opus_packets(recording)
        with pytest.raises(TooLarge, match="the limit of 100"):
            decode(broken, DecodeLimits(max_idle_packets=100))
        with pytest.raises(UnreadableAudio, match="hardly anything"):
            decode(broken)


def break_opus_packets(recording: bytes) -> bytes:
    """Make every audio packet invalid: code 3 with no frames."""
    return b"".join(_broken_pages(recording))


def _broken_pages(recording: bytes) -> Iterator[bytes]:
    parts = recording.split(b"OggS")[1:]
    for i, part in enumerate(parts):
        page = b"OggS" + part
        if i >= 2:
            n_segments = page[26]
            body = bytearray(page[27 + n_segments :])
            at = 0
            for length in page[27 : 27 + n_segments]:
                body[at : at + 2] = b"\x03\x00"
                at += length
            page = page[: 27 + n_segments] + bytes(body)
        yield _with_checksum(page)


def _with_checksum(page: bytes) -> bytes:
    page = page[:22] + bytes(4) + page[26:]
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1
        crc &= 0xFFFFFFFF
    return page[:22] + struct.pack("<I", crc) + page[26:]
