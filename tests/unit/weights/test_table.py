import re
from pathlib import Path

import pytest

from auricle.errors import SettingsError
from auricle.weights.row import WHISPER_REQUIRED, ModelRow
from auricle.weights.table import VAD_MODEL, ModelTable

CONTRACT_IDS = [
    "voxtral-mini-latest",
    "voxtral-mini-2507",
    "voxtral-mini-2602",
    "voxtral-small-latest",
    "voxtral-small-2507",
    "voxtral-mini-transcribe-realtime-2602",
    "voxtral-mini-transcribe-realtime-latest",
    "whisper-1",
]

ROW = """
[[models]]
id = "{id}"
aliases = {aliases}
engine = "ctranslate2"
kind = "whisper"
name = "Mine"
description = "Mine."
created = 1
owned_by = "me"
languages = {languages}
size = "tiny"
hub = {{ repo = "me/mine" }}
"""


def row_text(row_id: str = "mine", aliases: str = "[]", languages: str = '["en"]') -> str:
    return ROW.format(id=row_id, aliases=aliases, languages=languages)


@pytest.fixture
def extra(tmp_path: Path) -> Path:
    return tmp_path / "models.toml"


def test_built_in_rows_are_complete() -> None:
    table = ModelTable.load()
    for row in table.rows:
        assert row.files or row.is_remote, row.id
        if row.kind == "whisper":
            assert {spec.name for spec in row.files} >= set(WHISPER_REQUIRED), row.id
            assert row.languages, row.id
            assert row.limits is not None, row.id
            assert row.hub is not None, row.id
            assert re.fullmatch(r"[0-9a-f]{40}", row.hub.revision), row.id
    sizes = {row.size for row in table.rows}
    assert sizes == {"tiny", "base", "small", "medium", "large"}


def test_the_default_model_and_its_vad_come_from_packages() -> None:
    table = ModelTable.load()
    for name in ("whisper-base", "whisper-tiny.en", VAD_MODEL):
        row = table.find(name)
        assert row is not None
        assert row.packages, name


@pytest.mark.parametrize("name", CONTRACT_IDS)
@pytest.mark.parametrize("configured", ["whisper-base", "tiny.en", "hub:owner/name"])
def test_the_configured_model_answers_to_every_id_of_the_contract(
    name: str, configured: str
) -> None:
    row = ModelTable.load().configured(configured)
    assert row.answers_to(name)
    assert row.description_as(name).startswith(f"Served by {row.id} under the name {name}. ")


def test_an_unconfigured_model_does_not_answer_to_the_contract() -> None:
    table = ModelTable.load()
    row = table.find("whisper-tiny")
    assert row is not None
    assert not row.answers_to("voxtral-mini-latest")
    assert table.find("voxtral-mini-latest") is None


def test_voxtral_rows_name_their_weights_and_what_they_stand_for() -> None:
    table = ModelTable.load()
    rows = [row for row in table.rows if row.kind.startswith("voxtral")]
    assert [row.aliases for row in rows] == [
        ("mistralai/Voxtral-Mini-3B-2507",),
        ("mistralai/Voxtral-Small-24B-2507",),
        ("mistralai/Voxtral-Mini-4B-Realtime-2602",),
    ]
    known = set(table.served("whisper-base")[0].languages)
    for row in rows:
        assert row.is_remote
        assert row.transcribes
        assert row.hub is not None
        assert re.fullmatch(r"[0-9a-f]{40}", row.hub.revision)
        assert row.limits is not None
        assert set(row.languages) < known  # the companion has to hear them
        assert set(row.stands_for) < set(table.contract_ids)


def test_served_voxtral_takes_the_names_of_its_weights_and_the_default_the_rest() -> None:
    table = ModelTable.load()
    others = ["voxtral-mini-3b-2507", "mistralai/Voxtral-Small-24B-2507", "voxtral-mini-3b-2507"]
    whisper, mini, small = table.served("whisper-base", others)
    for row, names in (
        (whisper, ["base", "whisper-1", "voxtral-mini-2602"]),
        (mini, ["voxtral-mini-latest", "voxtral-mini-2507"]),
        (small, ["voxtral-small-latest", "voxtral-small-2507"]),
    ):
        assert [name for name in names if not row.answers_to(name)] == []
    assert not whisper.answers_to("voxtral-mini-latest")
    (alone,) = table.served("voxtral-mini-3b-2507")
    assert all(alone.answers_to(name) for name in CONTRACT_IDS)
    assert alone.description_as("whisper-1").startswith("Served by voxtral-mini-3b-2507 under")


MISTRAL = {"params.json", "consolidated.safetensors", "tekken.json"}
HUGGING_FACE = {
    *("config.json", "tekken.json", "model.safetensors.index.json", "processor_config.json"),
    *("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
}


ONE_FILE = {
    *("config.json", "generation_config.json", "processor_config.json", "tekken.json"),
    "model.safetensors",
}
SHARDED, WHOLE = "voxtral-mini-3b-2507", "voxtral-mini-4b-realtime-2602"


@pytest.mark.parametrize(
    ("row_id", "engine", "files"),
    [
        (SHARDED, "vllm", MISTRAL),
        (SHARDED, "transformers", HUGGING_FACE),
        (SHARDED, None, MISTRAL),
        (WHOLE, "vllm", MISTRAL),
        (WHOLE, "transformers", ONE_FILE),
    ],
)
def test_a_voxtral_folder_is_in_the_layout_of_its_engine(
    row_id: str, engine: str | None, files: set[str]
) -> None:
    (row,) = ModelTable.load().served(row_id, engine=engine)
    repository = {*MISTRAL, *(HUGGING_FACE if row_id == SHARDED else ONE_FILE), "README.md"}
    assert set(row.wanted(repository)) == files
    assert row.lacking(repository) == ()
    assert row.lacking({"README.md"})


def test_an_engine_is_for_the_models_that_it_can_run() -> None:
    names = ["voxtral-mini-3b-2507", "voxtral-mini-4b-realtime-2602"]
    rows = ModelTable.load().served("whisper-base", names, "transformers")
    assert [row.engine for row in rows] == ["openvino", "transformers", "transformers"]
    rows = ModelTable.load().served("whisper-base", names, "ctranslate2")
    assert [row.engine for row in rows] == ["ctranslate2", "vllm", "vllm"]


def test_a_further_model_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="silero-vad does not transcribe") as caught:
        ModelTable.load().served("whisper-base", [VAD_MODEL])
    assert caught.value.param == "models"


def test_aliases_lead_to_the_row() -> None:
    table = ModelTable.load()
    assert table.find("base") is table.find("whisper-base")
    assert table.find("Systran/faster-whisper-base") is table.find("whisper-base")
    assert table.find("nothing") is None


def test_users_add_rows(extra: Path) -> None:
    extra.write_text(row_text(aliases='["my"]', languages='"whisper"'))
    row = ModelTable.load(extra).configured("my")
    assert row.id == "mine"
    assert len(row.languages) == 99


def test_users_replace_rows(extra: Path) -> None:
    extra.write_text(row_text("whisper-base"))
    row = ModelTable.load(extra).find("whisper-base")
    assert row is not None
    assert row.name == "Mine"


def test_a_users_row_may_claim_an_id_of_the_contract(extra: Path) -> None:
    extra.write_text(row_text("voxtral-mini-2507"))
    table = ModelTable.load(extra)
    assert not table.configured("whisper-base").answers_to("voxtral-mini-2507")
    assert table.configured("voxtral-mini-2507").name == "Mine"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nonsense", "cannot be read"),
        ("rows = []", "has the unknown key rows; known are contract_ids, language_sets, models"),
        (row_text("../up"), r"row 1 \(../up\): id: String should match pattern"),
        (row_text(languages='"latin"'), "there is no language set latin"),
        (row_text(aliases='["base"]'), "models whisper-base and mine .* share the name base"),
        (row_text() + "colour = 1", "row 1 .mine.: colour: Extra inputs"),
    ],
)
def test_a_wrong_table_is_said_where(extra: Path, text: str, sentence: str) -> None:
    extra.write_text(text)
    with pytest.raises(SettingsError, match=sentence):
        ModelTable.load(extra)


def test_a_table_that_is_not_there(extra: Path) -> None:
    with pytest.raises(SettingsError, match=r"models.toml cannot be read"):
        ModelTable.load(extra)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("whisper-bsae", "there is no model whisper-bsae; did you mean whisper-base?"),
        ("zzz", "there is no model zzz; `auricle models list` names them"),
        ("/no/such/folder", "model /no/such/folder: there is no such folder"),
        (VAD_MODEL, "model silero-vad does not transcribe speech"),
    ],
)
def test_what_cannot_be_configured(value: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        ModelTable.load().configured(value)


def test_hub_values() -> None:
    table = ModelTable.load()
    row = table.configured("hub:owner/name@v1/x")
    assert (row.id, row.hub and row.hub.revision) == ("owner--name@v1-x", "v1/x")
    assert row.answers_to("owner/name")
    assert table.configured("hub:Systran/faster-whisper-base").id == "whisper-base"


def test_folder_values(tmp_path: Path) -> None:
    folder = tmp_path / "my model"
    folder.mkdir()
    row = ModelTable.load().configured(str(folder))
    assert (row.id, row.folder) == ("my-model", folder)


def raw_row(**fields: object) -> dict[str, object]:
    base = {
        "id": "x",
        "engine": "ctranslate2",
        "kind": "whisper",
        "name": "X",
        "description": "X.",
        "created": 0,
        "owned_by": "x",
        "size": "tiny",
    }
    return base | fields


def package(*members: dict[str, object]) -> dict[str, object]:
    return {"name": "p", "version": "1", "sha256": "0" * 64, "members": members}


FILE = {"name": "model.bin", "bytes": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "must say where the files are"),
        ({"kind": "vad", "hub": {"repo": "a/b"}}, "`files` must be listed"),
        ({"packages": [package()]}, "a row with packages must list its files"),
        ({"files": [FILE], "packages": [package()]}, "do not make up the file model.bin"),
        (
            {
                "files": [FILE],
                "packages": [package({"path": "a", "file": "model.bin", "part": 2})],
            },
            "do not make up the file model.bin",
        ),
        ({"files": [{**FILE, "name": "../model.bin"}], "hub": {"repo": "a/b"}}, "files.0.name"),
        ({"files": [{**FILE, "sha256": "00"}], "hub": {"repo": "a/b"}}, "files.0.sha256"),
        ({"id": ".hidden", "hub": {"repo": "a/b"}}, "id"),
        ({"packages": [{**package(), "name": "x --index-url=evil"}]}, "packages.0.name"),
    ],
)
def test_rows_that_make_no_sense(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        ModelRow.model_validate(raw_row(**fields))
