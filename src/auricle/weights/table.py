"""The model table: the built-in TOML file and, on top of it, the user's own."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from auricle.errors import SettingsError
from auricle.weights.row import ModelRow, row_of_folder, row_of_hub

VAD_MODEL = "silero-vad"
"""The row of the network that finds speech; every server needs it beside its model."""

DEFAULT_COMPANION = "whisper-base"
"""Hears languages and times for models that give text alone, where no served model can."""

_KEYS = frozenset({"contract_ids", "language_sets", "models"})


class ModelTable:
    """All models by id and alias. Immutable."""

    def __init__(self, rows: Iterable[ModelRow], contract_ids: Iterable[str] = ()) -> None:
        """Join rows; a later row replaces an earlier one of the same id.

        Raises:
            SettingsError: two rows claim the same name.
        """
        by_id = {row.id: row for row in rows}
        self.rows = tuple(by_id.values())
        self.contract_ids = tuple(contract_ids)
        self._by_name: dict[str, ModelRow] = {}
        for row in self.rows:
            for name in dict.fromkeys((row.id, *row.aliases)):
                other = self._by_name.setdefault(name, row)
                if other is not row:
                    raise SettingsError(
                        f"models {other.id} and {row.id} of the model table share the name {name}"
                    )

    @classmethod
    def load(cls, extra: Path | None = None) -> "ModelTable":
        """The built-in table and the rows of the user's TOML file.

        Raises:
            SettingsError: the file cannot be read, or a row is wrong; the message says which.
        """
        source = resources.files("auricle.weights").joinpath("models.toml")
        built_in = tomllib.loads(source.read_text(encoding="utf-8"))
        sets = built_in["language_sets"]
        rows = _parse_rows(built_in, sets, "models.toml")
        if extra is not None:
            added = _read(extra)
            rows += _parse_rows(added, sets | added.get("language_sets", {}), str(extra))
            built_in["contract_ids"] += added.get("contract_ids", [])
        return cls(rows, dict.fromkeys(built_in["contract_ids"]))

    def find(self, name: str) -> ModelRow | None:
        """The row of an id or alias; None when there is none."""
        return self._by_name.get(name)

    def configured(self, value: str) -> ModelRow:
        """The row that the setting `model` names; it answers to the contract's ids too.

        Args:
            value: an id or alias, `hub:owner/name[@revision]`, or a CTranslate2 Whisper folder.

        Raises:
            SettingsError: it is nothing of the kind, or no model that transcribes.
        """
        return self.served(value)[0]

    def served(
        self, first: str, others: Iterable[str] = (), engine: str | None = None
    ) -> tuple[ModelRow, ...]:
        """The rows of a server. The first answers to all ids of the contract that are left.

        Args:
            first: the setting `model`, as for `configured`.
            others: the setting `models`, each in the same form; one that comes twice counts once.
            engine: the setting `engine`, for those that it can run.

        Raises:
            SettingsError: one is nothing of the kind, or no model that transcribes.
        """
        chosen = [self._transcribing(first, "model")]
        chosen += [self._transcribing(value, "models") for value in others]
        rows = list({row.id: row.run_by(engine) for row in chosen}.values())
        taken = set(self._by_name)
        served = []
        for row in (*rows[1:], rows[0]):
            is_first = row is rows[0]
            wanted = (*row.stands_for, *(self.contract_ids if is_first else ()))
            free = [name for name in wanted if name not in taken]
            taken.update(free)
            names = tuple(dict.fromkeys((*row.aliases, *free)))
            served.append(row.model_copy(update={"aliases": names}))
        return (served[-1], *served[:-1])

    def _transcribing(self, value: str, setting: str) -> ModelRow:
        row = self.find(value) or self._unlisted(value)
        if row is None:
            raise SettingsError(self._unknown(value), param=setting)
        if not row.transcribes:
            raise SettingsError(f"model {value} does not transcribe speech", param=setting)
        return row

    def _unlisted(self, value: str) -> ModelRow | None:
        if row := row_of_hub(value):
            return self.find(value.removeprefix("hub:")) or row
        folder = Path(value).expanduser()
        if (folder.is_absolute() or "/" in value or value.startswith(".")) and folder.is_dir():
            return row_of_folder(folder)
        return None

    def _unknown(self, value: str) -> str:
        near = difflib.get_close_matches(value, self._by_name, n=1)
        if "/" in value and not near:
            return f"model {value}: there is no such folder (hub models are written hub:owner/name)"
        hint = f"did you mean {near[0]}?" if near else "`auricle models list` names them"
        return f"there is no model {value}; {hint}"


def companion_of(
    table: ModelTable, rows: Sequence[ModelRow], engine: str | None = None
) -> ModelRow | None:
    """The row that hears languages and times for those of `rows` that give text alone.

    The first served Whisper model of many languages, else the default one, with the setting
    `engine` if that can run it; None where no model needs it.
    """
    if all(row.kind == "whisper" for row in rows):
        return None
    served = [row for row in rows if row.kind == "whisper" and row.languages != ("en",)]
    if served:
        return served[0]
    usual = table.find(DEFAULT_COMPANION)
    return None if usual is None else usual.run_by(engine)


def _read(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"model table {path} cannot be read: {error}", param="model_table"
        ) from error
    if unknown := sorted(set(table) - _KEYS):
        raise SettingsError(
            f"model table {path} has the unknown key {unknown[0]};"
            f" known are {', '.join(sorted(_KEYS))}",
            param="model_table",
        )
    return table


def _parse_rows(
    table: Mapping[str, Any], language_sets: Mapping[str, list[str]], where: str
) -> list[ModelRow]:
    rows = []
    for number, raw in enumerate(table.get("models", []), start=1):
        label = f"model table {where}, row {number} ({raw.get('id', 'no id')})"
        languages = raw.get("languages", [])
        if isinstance(languages, str):
            if languages not in language_sets:
                raise SettingsError(f"{label}: there is no language set {languages}")
            languages = language_sets[languages]
        try:
            rows.append(ModelRow.model_validate({**raw, "languages": languages}))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "row"
            raise SettingsError(f"{label}: {place}: {first['msg']}", param="model_table") from error
    return rows
