"""`models.list` and `models.retrieve` of every SDK."""

import pytest

from contract.sdk import Sdk, SdkError

HOSTED_IDS = [
    "voxtral-mini-latest",
    "voxtral-mini-2507",
    "voxtral-mini-2602",
    "voxtral-small-latest",
    "voxtral-small-2507",
    "whisper-1",
]


def test_list(sdk: Sdk) -> None:
    cards = sdk.models()["data"]
    assert len({card["id"] for card in cards}) == len(cards) > 0
    named = {name for card in cards for name in (card["id"], *card["aliases"])}
    assert named >= set(HOSTED_IDS)
    assert all(card["object"] == "model" and card["type"] == "base" for card in cards)


@pytest.mark.parametrize("model_id", HOSTED_IDS[:1])
def test_retrieve_by_alias(sdk: Sdk, model_id: str) -> None:
    card = sdk.model(model_id)
    assert card["id"] == model_id
    assert model_id not in card["aliases"]
    assert card["capabilities"]["audio_transcription"] is True


def test_retrieve_unknown(sdk: Sdk) -> None:
    with pytest.raises(SdkError) as caught:
        sdk.model("Camry")
    assert caught.value.status == 404
