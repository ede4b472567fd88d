"""What can be read of a damaged recording is read, and what is lost is said."""

import random

import numpy as np
import pytest

from auricle.audio.waveform import SAMPLE_RATE
from auricle.errors import UnreadableAudio
from harness.media import decode, encode, similarity, tone, wav
from harness.mutants import MEDIA, mutate
from harness.speech import ASK_NOT, JFK

SPEECH, _ = decode(ASK_NOT.path)
PCM = (SPEECH * 32767).astype(np.int16)


def test_wav_that_promises_too_little_is_read_to_its_end() -> None:
    waveform, notices = decode(wav(PCM, promised=3_200))
    assert len(waveform) == len(PCM)
    assert notices == [
        "The header of the file gives too short a length; it was read to its real end."
    ]


def test_wav_that_promises_too_much_gives_what_there_is() -> None:
    waveform, notices = decode(wav(PCM, promised=10 * PCM.nbytes))
    assert len(waveform) == len(PCM)
    assert notices == [
        "The file says that it is 53.5 seconds long, but its sound ends at 5.3 seconds."
    ]


@pytest.mark.parametrize("promised", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_wav_written_to_a_pipe_is_not_damaged(promised: int) -> None:
    waveform, notices = decode(wav(PCM, promised=promised))
    assert len(waveform) == len(PCM)
    assert notices == []


def test_tags_behind_the_sound_are_not_sound() -> None:
    tags = b"LIST" + (10).to_bytes(4, "little") + b"INFOhello "
    waveform, notices = decode(wav(PCM, after=tags))
    assert len(waveform) == len(PCM)
    assert notices == []


def test_flac_with_lost_frames_keeps_its_clock() -> None:
    data = bytearray(ASK_NOT.path.read_bytes())
    data[20_000:30_000] = bytes(10_000)
    waveform, notices = decode(bytes(data))
    assert len(waveform) == len(SPEECH)
    last = slice(-SAMPLE_RATE, None)
    np.testing.assert_allclose(waveform[last], SPEECH[last], atol=1e-4)
    assert len(notices) == 1
    assert notices[0].endswith("seconds are missing in the file and were left silent.")


def test_mp3_that_breaks_off_says_so() -> None:
    recording = encode(tone(4.0, 44_100), 44_100, "mp3", "libmp3lame", "fltp")
    waveform, notices = decode(recording[: len(recording) // 2])
    assert 1.5 < len(waveform) / SAMPLE_RATE < 2.5
    assert len(notices) == 1
    assert notices[0].startswith("The file says that it is 4.0 seconds long, but its sound ends at")


def test_mp3_without_a_count_of_frames_promises_nothing() -> None:
    data = JFK.path.read_bytes()
    waveform, notices = decode(data[4_000:])
    assert len(waveform) > 9 * SAMPLE_RATE
    assert notices == []


def test_ogg_that_breaks_off_says_so() -> None:
    recording = encode(tone(4.0, 48_000), 48_000, "ogg", "libopus")
    waveform, notices = decode(recording[: len(recording) * 2 // 3])
    assert len(waveform) > SAMPLE_RATE
    assert notices == ["The file was cut off: its last piece is incomplete."]


@pytest.mark.parametrize("container", ["flac", "matroska", "aiff"])
def test_container_that_breaks_off_says_so(container: str) -> None:
    codec = {"flac": "flac", "matroska": "pcm_s16le", "aiff": "pcm_s16be"}[container]
    recording = encode(SPEECH, SAMPLE_RATE, container, codec, "s16")
    waveform, notices = decode(recording[: len(recording) // 2])
    assert similarity(waveform, SPEECH) > 0.5
    assert any("The file says that it is 5.3" in notice for notice in notices)


@pytest.mark.parametrize("seed", [1795598468, 1795600475])
def test_track_that_the_head_does_not_announce_is_passed_over(seed: int) -> None:
    rng = random.Random(seed)  # found by fuzzing: an MPEG-TS file that gains tracks on the way
    kind = rng.choice(list(MEDIA))
    assert kind == "ts"
    waveform, notices = decode(mutate(MEDIA[kind](), rng))
    assert len(waveform) > SAMPLE_RATE
    assert notices


def test_a_table_that_promises_an_impossible_packet_is_where_the_recording_ends() -> None:
    rng = random.Random(1795898391)  # found by fuzzing
    kind = rng.choice(list(MEDIA))
    assert kind == "m4a"
    waveform, notices = decode(mutate(MEDIA[kind](), rng))
    assert len(waveform) > SAMPLE_RATE
    assert "The file was cut off: its last piece is incomplete." in notices


def test_mp4_without_its_index_is_unreadable() -> None:
    recording = encode(tone(2.0, 44_100), 44_100, "mp4", "aac", "fltp")
    with pytest.raises(UnreadableAudio):
        decode(recording[: len(recording) // 2])


def test_samples_that_are_no_numbers_become_silence() -> None:
    samples = tone(1.0)
    samples[100:110] = np.nan
    samples[200:205] = [np.inf, -np.inf, np.inf, np.inf, np.inf]
    waveform, notices = decode(wav(samples))
    assert np.isfinite(waveform).all()
    assert not waveform[100:110].any()
    np.testing.assert_array_equal(waveform[300:], samples[300:])
    assert notices == ["Samples that are no numbers were set to zero: 15."]


def test_samples_that_are_no_numbers_do_not_spread_through_the_resampler() -> None:
    samples = tone(1.0, 48_000)
    samples[24_000] = np.nan
    waveform, _ = decode(wav(samples, 48_000))
    assert np.isfinite(waveform).all()
    assert np.abs(waveform[:7_000]).max() > 0.2


def test_floats_far_beyond_full_scale_are_clipped() -> None:
    waveform, notices = decode(wav(np.full(16_000, 30_000, np.float32)))
    assert np.abs(waveform).max() <= 1
    assert notices == ["Samples far beyond full scale were clipped."]


def test_slight_overshoot_is_clipped_without_a_word() -> None:
    waveform, notices = decode(wav(5 * tone(1.0)))
    assert np.abs(waveform).max() == 1
    assert notices == []
