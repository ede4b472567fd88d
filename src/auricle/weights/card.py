"""What clients are told of a model."""

from dataclasses import dataclass, replace
from enum import StrEnum

from auricle.weights.row import ModelRow


class Feature(StrEnum):
    """A field of the request that a model may or may not honour; the value is its name there."""

    DIARIZE = "diarize"
    SPEAKER_REFERENCES = "speaker_references"
    CONTEXT_BIAS = "context_bias"
    FILE_ID = "file_id"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model as `GET /v1/models` shows it.

    `created` is in Unix seconds. `languages` are the two-letter codes it transcribes; empty
    when that is not known. `features` are the optional fields that it honours.
    """

    id: str
    aliases: tuple[str, ...] = ()
    name: str | None = None
    description: str | None = None
    created: int = 0
    owned_by: str = "auricle"
    max_context_length: int = 32_768
    languages: tuple[str, ...] = ()
    features: frozenset[Feature] = frozenset()


def card_of(row: ModelRow, name: str) -> ModelCard:
    """The card of a model under one of its names."""
    card = ModelCard(
        id=name,
        aliases=tuple(alias for alias in (row.id, *row.aliases) if alias != name),
        name=row.name,
        description=row.description_as(name),
        created=row.created,
        owned_by=row.owned_by,
        languages=row.languages,
    )
    if row.limits is None:
        return card
    return replace(card, max_context_length=row.limits.max_context_length)
