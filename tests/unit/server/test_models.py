"""Model cards."""

import httpx
import pytest
from mistralai.client.models import ModelList

from unit.server.scripted_service import CARD


async def test_list(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/models")
    (card,) = answer.json()["data"]
    assert answer.json()["object"] == "list"
    assert card["id"] == "whisper-base"
    assert card["object"] == "model"
    assert card["type"] == "base"
    assert card["aliases"] == list(CARD.aliases)
    assert card["capabilities"]["audio_transcription"] is True
    assert card["capabilities"]["audio_transcription_realtime"] is False
    assert card["capabilities"]["completion_chat"] is False


async def test_the_sdk_understands_the_list(client: httpx.AsyncClient) -> None:
    parsed = ModelList.model_validate_json((await client.get("/v1/models")).content)
    assert parsed.data is not None
    assert type(parsed.data[0]).__name__ == "BaseModelCard"


@pytest.mark.parametrize("model_id", ["whisper-base", "voxtral-mini-latest", "whisper-1"])
async def test_aliases_answer_too(client: httpx.AsyncClient, model_id: str) -> None:
    assert (await client.get(f"/v1/models/{model_id}")).json()["id"] == "whisper-base"


@pytest.mark.parametrize("model_id", ["gpt-4", "a/b", "%F0%9F%98%80"])
async def test_unknown(client: httpx.AsyncClient, model_id: str) -> None:
    answer = await client.get(f"/v1/models/{model_id}")
    assert answer.status_code == 404
    assert answer.json()["object"] == "error"
    assert answer.json()["raw_status_code"] == 404
