"""The base of everything the server sends as JSON."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Every field is there, defaults too, unless it says when it is left out."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


def is_none(value: object) -> bool:
    """For `exclude_if`: a field that is left out when it has no value."""
    return value is None
