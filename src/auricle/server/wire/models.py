"""Model cards on the wire."""

from typing import Literal

from pydantic import Field

from auricle.server.wire.answer import Answer
from auricle.weights.card import Feature, ModelCard


class ModelCapabilities(Answer):
    """What a model can do, in the hosted API's names."""

    completion_chat: bool = False
    function_calling: bool = False
    completion_fim: bool = False
    fine_tuning: bool = False
    vision: bool = False
    classification: bool = False
    audio: bool = True
    audio_transcription: bool = True
    audio_transcription_realtime: bool = False
    audio_transcription_diarization: bool = False


class BaseModelCard(Answer):
    """A model served here."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    name: str | None
    description: str | None
    max_context_length: int
    aliases: list[str]
    type: Literal["base"] = "base"
    capabilities: ModelCapabilities
    languages: list[str] = Field(description="Codes it transcribes; empty when that is not known.")
    features: list[str] = Field(
        description="Optional fields of a transcription request that it honours."
    )


class ModelList(Answer):
    """All models served here."""

    object: Literal["list"] = "list"
    data: list[BaseModelCard]


def card_of(card: ModelCard) -> BaseModelCard:
    """The card on the wire."""
    return BaseModelCard(
        id=card.id,
        created=card.created,
        owned_by=card.owned_by,
        name=card.name or card.id,
        description=card.description,
        max_context_length=card.max_context_length,
        aliases=list(card.aliases),
        capabilities=ModelCapabilities(
            audio_transcription_diarization=Feature.DIARIZE in card.features
        ),
        languages=list(card.languages),
        features=[feature.value for feature in Feature if feature in card.features],
    )
