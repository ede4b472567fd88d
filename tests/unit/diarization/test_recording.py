import numpy as np
import pytest

from auricle.diarization.clustering import Projection
from auricle.diarization.networks import Networks
from auricle.diarization.recording import diarize
from auricle.diarization.turns import Speakers
from harness.conversation import conversation, share_of


@pytest.fixture(scope="module", params=[False, True], ids=["float32", "tiles"])
def networks(request: pytest.FixtureRequest) -> Networks:
    """As on processors without tiles of bfloat16 and with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auricle.diarization.networks.has_bf16_tiles", lambda: request.param)
        return Networks()


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
