"""Where settings come from, and what is refused."""

from pathlib import Path

import pytest

from auricle.cli.settings import reference
from auricle.errors import SettingsError
from auricle.settings import Settings, load

ROOT = Path(__file__).parents[2]


def test_precedence_is_flag_environment_file_default(tmp_path: Path) -> None:
    file = tmp_path / "auricle.toml"
    file.write_text('port = 1\nhost = "file"\nmodel = "file"\n')
    environ = {"AURICLE_CONFIG": str(file), "AURICLE_HOST": "env", "AURICLE_PORT": "2"}
    settings, origins = load({"port": 3, "workers": None}, environ)
    assert (settings.port, settings.host, settings.model) == (3, "env", "file")
    assert origins["port"] == "flag"
    assert origins["host"] == "environment"
    assert origins["model"] == f"file {file}"
    assert origins["workers"] == "default"


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsError, match=r"AURICLE_API_KEYZ.*did you mean api_keys"):
        load(environ={"AURICLE_API_KEYZ": "x"})


def test_a_bad_value_says_setting_origin_and_value() -> None:
    with pytest.raises(SettingsError, match=r"setting port .from environment.*'abc'"):
        load(environ={"AURICLE_PORT": "abc"})


def test_a_missing_file_that_was_named_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(environ={"AURICLE_CONFIG": str(tmp_path / "none.toml")})


def test_client_variables_are_no_settings() -> None:
    load(environ={"AURICLE_URL": "http://x", "AURICLE_API_KEY": "k"})


def test_lists_are_separated_by_commas() -> None:
    settings, _ = load(environ={"AURICLE_CORS_ORIGINS": "https://a, https://b,"})
    assert settings.cors_origins == ("https://a", "https://b")


def test_keys_do_not_show() -> None:
    settings, _ = load(environ={"AURICLE_API_KEYS": "geheim"})
    assert "geheim" not in repr(settings)


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_reference_in_the_docs_is_up_to_date() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == reference(), "run `make docs`"
