"""Which models a server has, where they run, and what is refused before anything starts."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from auricle import served_weights
from auricle.errors import SettingsError
from auricle.served_models import ServedModels
from auricle.served_weights import Weights
from auricle.settings import Settings, load

MINI, SMALL = "voxtral-mini-3b-2507", "voxtral-small-24b-2507"
URL = "http://127.0.0.1:9"
BOTH_LAYOUTS = """
[[models]]
id = "both"
engine = "transformers"
kind = "voxtral"
name = "Both"
description = "A folder with the same weights in both layouts."
created = 1
owned_by = "me"
languages = ["en"]
size = "tiny"
folder = "{folder}"
"""


def settings_of(**values: Any) -> Settings:
    return load(values)[0]


def upstreams_of(**values: Any) -> dict[str, list[str]]:
    settings = settings_of(**values)
    served = ServedModels(settings, Weights(settings))
    return {
        row_id: [member.upstream.url for member in upstreams._members]
        for row_id, upstreams in served._upstreams.items()
    }


async def test_plain_addresses_are_for_every_model_and_named_ones_for_theirs() -> None:
    urls = (URL, f"{SMALL}=https://gpu2:8001/proxy")
    assert upstreams_of(models=(MINI, SMALL), vllm_urls=urls) == {
        MINI: [URL],
        SMALL: [URL, "https://gpu2:8001/proxy"],
    }


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [
        ((), f"model {MINI} is run by vLLM servers, and vllm_urls names none for it"),
        (("gpu1:8001",), "'gpu1:8001' is none"),
        (("http://me:secret@gpu1",), "without a password, .* 'gpu1' is none"),
        (("http://gpu1?x=1",), "is none"),
        ((f"{SMALL}={URL}",), f"names the model {SMALL}, which is not served through vLLM here"),
        ((f"whisper-base={URL}",), "names the model whisper-base, which is not"),
    ],
)
async def test_wrong_addresses_are_said(urls: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as caught:
        upstreams_of(models=(MINI,), vllm_urls=urls)
    assert caught.value.param == "vllm_urls"


def test_whisper_alone_has_no_companion() -> None:
    assert Weights(settings_of()).companion is None


def test_voxtral_alone_brings_a_companion_that_nobody_can_ask_for() -> None:
    weights = Weights(settings_of(model=MINI, vllm_urls=(URL,)))
    assert [row.id for row in weights.rows] == [MINI]
    assert weights.companion is not None
    assert weights.companion.id == "whisper-base"
    assert set(weights.folders) == {"whisper-base"}
    with pytest.raises(SettingsError, match=f"model {MINI} has no weights on this machine"):
        _ = weights.folder


@pytest.mark.skipif(find_spec("torch") is not None, reason="the extra is installed")
def test_a_missing_extra_says_so() -> None:
    with pytest.raises(SettingsError, match=r"pip install auricle\[voxtral\]"):
        Weights(settings_of(models=(MINI,), engine="transformers"))


def test_a_folder_of_both_layouts_counts_what_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_weights, "_check_extra", lambda rows: None)
    sizes = {"config.json": 3, "tekken.json": 50, "params.json": 7, "notes.txt": 900}
    sizes |= {f"model-0000{n}-of-00002.safetensors": 1000 * n for n in (1, 2)}
    sizes |= {"consolidated.safetensors": 3000}
    folder = tmp_path / "both"
    folder.mkdir()
    for name, size in sizes.items():
        (folder / name).write_bytes(bytes(size))
    table = tmp_path / "models.toml"
    table.write_text(BOTH_LAYOUTS.format(folder=folder))
    settings = settings_of(models=("both",), model_table=table)
    served = ServedModels(settings, Weights(settings))
    assert served._on_demand["both"].n_bytes == 3 + 50 + 1000 + 2000
