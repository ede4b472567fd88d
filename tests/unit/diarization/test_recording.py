import numpy as np
import pytest

from auricle.diarization.clustering import Projection
from auricle.diarization.filter_bank import N_BINS, filter_bank
from auricle.diarization.networks import VOICE_FRAMES, Networks
from auricle.diarization.recording import diarize
from auricle.diarization.turns import Speakers
from auricle.processor import has_bf16
from harness.conversation import conversation, share_of, voices


def networks_of(*, in_bf16: bool) -> Networks:
    """As on a processor with bfloat16, or without; one without cannot be both."""
    if in_bf16 and not has_bf16():
        pytest.skip("OpenVINO refuses bfloat16 on this processor")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auricle.diarization.networks.has_bf16", lambda: in_bf16)
        return Networks()


@pytest.fixture(scope="module", params=[False, True], ids=["float32", "bfloat16"])
def networks(request: pytest.FixtureRequest) -> Networks:
    return networks_of(in_bf16=request.param)


def found(speakers: Speakers) -> list[tuple[float, float, str]]:
    return [(turn.start, turn.end, f"{turn.speaker}") for turn in speakers.turns]


def test_two_voices_are_told_apart_however_they_arrive(networks: Networks) -> None:
    waveform, turns = conversation()
    whole = diarize([waveform], networks, Projection.load())
    blocks = np.split(waveform, range(7_777, len(waveform), 16_384))
    assert diarize(blocks, networks, Projection.load()).turns == whole.turns
    assert len(whole.voices) == 2
    for start, end, who in turns:
        assert share_of(found(whole), start, end, "0" if who == "man" else "1") > 0.6
        assert share_of(found(whole), start, end, "1" if who == "man" else "0") < 0.2


@pytest.mark.parametrize("n_samples", [0, 500, 20_000])
def test_silence_has_no_speakers(networks: Networks, n_samples: int) -> None:
    silence = np.zeros(n_samples, np.float32)
    assert diarize([silence], networks, Projection.load()).turns == ()


@pytest.mark.parametrize("n_frames", [40, 120, 299, 300])
def test_a_voice_in_bf16_is_that_of_its_frames_again_and_again(n_frames: int) -> None:
    features = filter_bank(voices()[0])[50 : 50 + n_frames]
    exact = networks_of(in_bf16=False).embed(np.resize(features, (VOICE_FRAMES, N_BINS)))
    voice = networks_of(in_bf16=True).embed(features)
    alike = voice @ exact / (np.linalg.norm(voice) * np.linalg.norm(exact))
    assert alike > 0.99
