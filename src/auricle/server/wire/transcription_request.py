"""The fields of `POST /v1/audio/transcriptions`: from a body of any kind to one checked value."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from auricle.errors import InvalidRequest, NotSupported
from auricle.pipeline.options import Granularity, TranscribeOptions
from auricle.server.wire.errors import FieldProblem, ValidationFailed
from auricle.server.wire.field_reader import LongText, RawField, Upload
from auricle.sources.url import check_url

MAX_CONTEXT_BIAS = 100
MAX_BIAS_PHRASE = 100  # characters
MAX_SPEAKER_REFERENCES = 8
MAX_SPEAKER_NAME = 100  # characters
MAX_SHOWN = 200
"""Characters of a wrong value that an error repeats."""

LIST_FIELDS = frozenset({"context_bias", "timestamp_granularities"})
OTHER_DIALECT_FIELDS = ("response_format", "include[]", "chunking_strategy")
OTHER_DIALECT_AGENT = "OpenAI/"


def _spaced(value: object) -> object:
    """A phrase with single spaces; the older generation of clients joins its words with `_`."""
    return " ".join(value.replace("_", " ").split()) if isinstance(value, str) else value


BiasPhrase = Annotated[
    str, BeforeValidator(_spaced), StringConstraints(min_length=1, max_length=MAX_BIAS_PHRASE)
]
"""A word or phrase to expect."""


def _check_upload(value: object) -> Upload:
    if not isinstance(value, Upload):
        raise PydanticCustomError("upload", "must be an uploaded file in multipart/form-data")
    return value


def _check_file_url(value: object) -> str | LongText:
    if isinstance(value, LongText):
        if not value.begins_with("data:"):
            raise PydanticCustomError("url", "a URL of this length must be a data: URI")
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    try:
        check_url(value)
    except InvalidRequest as error:
        raise PydanticCustomError("url", "{reason}", {"reason": error.message}) from error
    return value


def check_speaker_references(value: object) -> dict[str, str | LongText] | LongText:
    """The field as an object of names and texts, or as it is if it was too long to be read.

    Raises:
        PydanticCustomError: it is neither.
    """
    if isinstance(value, LongText):
        return value
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise PydanticCustomError("json_invalid", "must be a JSON object") from error
    if not isinstance(value, dict):
        raise PydanticCustomError("dict_type", "must be an object of names and references")
    if len(value) > MAX_SPEAKER_REFERENCES:
        raise PydanticCustomError("too_long", "at most 8 speaker references")
    for name, reference in value.items():
        if not 0 < len(name.strip()) <= MAX_SPEAKER_NAME:
            raise PydanticCustomError("name", "a speaker's name has 1 to 100 characters")
        if not isinstance(reference, str | LongText):
            raise PydanticCustomError("string_type", "a speaker's reference must be a text")
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class TranscriptionRequest(BaseModel):
    """A request to transcribe one recording: exactly one of `file`, `file_url`, `file_id`."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    model: str = Field(min_length=1, description="Id or alias of a model.")
    file: Annotated[
        Upload | None,
        PlainValidator(_check_upload),
        WithJsonSchema({"type": "string", "format": "binary"}),
    ] = Field(
        default=None, description="Any audio or video container ffmpeg reads (multipart only)."
    )
    file_url: Annotated[
        str | LongText | None,
        PlainValidator(_check_file_url),
        WithJsonSchema({"type": ["string", "null"], "format": "uri"}),
    ] = Field(
        default=None,
        description="http(s) URL of up to 2083 characters, fetched by the server, or a data: URI.",
    )
    file_id: str | None = Field(default=None, description="Id of an upload in /v1/files.")
    language: Annotated[str | None, BeforeValidator(_lower)] = Field(
        default=None, pattern=r"^\w{2}$", description="Two-letter code; skips the detection."
    )
    temperature: float | None = Field(
        default=None, ge=0, le=2, allow_inf_nan=False, description="Sampling temperature."
    )
    stream: bool = Field(default=False, description="Answer with server-sent events.")
    diarize: bool = Field(default=False, description="Tell who speaks.")
    speaker_references: Annotated[
        dict[str, str | LongText] | LongText | None,
        PlainValidator(check_speaker_references),
        WithJsonSchema(
            {
                "type": ["object", "null"],
                "additionalProperties": {"type": "string"},
                "maxProperties": MAX_SPEAKER_REFERENCES,
            }
        ),
    ] = Field(default=None, description="Name and reference audio of known speakers.")
    context_bias: list[BiasPhrase] = Field(
        default_factory=list,
        max_length=MAX_CONTEXT_BIAS,
        description="Words and phrases to expect, spelt as they are to be written; "
        "`_` between words is a space.",
    )
    timestamp_granularities: list[Literal["segment", "word"]] = Field(
        default_factory=list, description="Fills `segments`: either `segment` or `word`."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "TranscriptionRequest":
        given = [
            name for name in ("file", "file_url", "file_id") if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise PydanticCustomError(
                "audio_source",
                "exactly one of file, file_url and file_id must be given, not {count}",
                {"count": len(given)},
            )
        return self

    @model_validator(mode="after")
    def _one_granularity(self) -> "TranscriptionRequest":
        if len(set(self.timestamp_granularities)) > 1:
            raise PydanticCustomError(
                "granularities", "timestamp_granularities must be segment or word, not both"
            )
        return self

    @model_validator(mode="after")
    def _references_need_diarize(self) -> "TranscriptionRequest":
        if self.speaker_references and not self.diarize:
            raise PydanticCustomError(
                "speaker_references", "speaker_references needs diarize to be true"
            )
        return self

    def options(self) -> TranscribeOptions:
        """What the pipeline is told."""
        granularity: Granularity | None = next(iter(self.timestamp_granularities), None)
        if self.diarize and granularity is None:
            granularity = "segment"
        return TranscribeOptions(
            model=self.model,
            language=self.language,
            temperature=self.temperature,
            granularity=granularity,
            diarize=self.diarize,
            context_bias=tuple(dict.fromkeys(self.context_bias)),
        )


def parse_request(fields: Sequence[RawField], user_agent: str = "") -> TranscriptionRequest:
    """Check the fields of a body.

    Raises:
        NotSupported: the request is in the OpenAI dialect.
        ValidationFailed: fields are missing, wrong, unknown, or given twice.
    """
    _refuse_other_dialect(fields, user_agent)
    values, problems = _collect(fields)
    try:
        request = TranscriptionRequest.model_validate(values)
    except ValidationError as error:
        problems += [_problem(dict(each)) for each in error.errors(include_url=False)]
    else:
        if not problems:
            return request
    raise ValidationFailed(problems)


def _refuse_other_dialect(fields: Sequence[RawField], user_agent: str) -> None:
    names = {field.name for field in fields}
    sign = next((name for name in OTHER_DIALECT_FIELDS if name in names), None)
    if sign is None and OTHER_DIALECT_AGENT in user_agent:
        sign = f"User-Agent {OTHER_DIALECT_AGENT}"
    if sign is not None:
        raise NotSupported(
            f"the request is in the OpenAI dialect ({sign}), which is not available yet; "
            "use the Mistral dialect",
            param=None if sign.startswith("User-Agent") else sign,
        )


def _collect(fields: Sequence[RawField]) -> tuple[dict[str, Any], list[FieldProblem]]:
    """Values by name; lists gathered from repeats, `name[]` and JSON arrays."""
    values: dict[str, Any] = {}
    problems = []
    for field in fields:
        name, value = field.name, _unwrapped(field)
        if name.removesuffix("[]") in LIST_FIELDS:
            values.setdefault(name.removesuffix("[]"), []).extend(_items(value))
        elif _is_absent(name, value):
            continue
        elif name in values:
            problems.append(
                FieldProblem(type="repeated", loc=["body", name], msg="Field given more than once")
            )
        else:
            values[name] = value
    return values, problems


def _unwrapped(field: RawField) -> Any:
    """The value without the double quotes that published curl lines put around it."""
    value = field.value
    if isinstance(value, str) and len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def _items(value: Any) -> list[Any]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    items = value if isinstance(value, list) else [value]
    return [item for item in items if item is not None and item != ""]


def _is_absent(name: str, value: Any) -> bool:
    """Null, a file input left empty in a browser, or an empty source are as good as not sent."""
    if isinstance(value, Upload):
        return value.spool.size == 0 and not value.has_name
    return value is None or (value == "" and name in {"file", "file_url", "file_id"})


def _problem(error: dict[str, Any]) -> FieldProblem:
    return FieldProblem(
        type=error["type"],
        loc=["body", *error["loc"]],
        msg=error["msg"],
        input=None if error["type"] in {"missing", "audio_source"} else _shown(error["input"]),
    )


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Upload | LongText | BaseModel):
        return None
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
