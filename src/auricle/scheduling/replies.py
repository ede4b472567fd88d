"""What an engine worker says, checked: a process that broke can say anything."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from auricle.scheduling.messages import FromWorker

_FROM_WORKER: TypeAdapter[FromWorker] = TypeAdapter(
    Annotated[FromWorker, Field(discriminator="op")]
)


def parse_from_worker(header: Mapping[str, Any]) -> FromWorker:
    """A header that the API process received; ValidationError (a ValueError) if it is none."""
    return _FROM_WORKER.validate_python(header)
