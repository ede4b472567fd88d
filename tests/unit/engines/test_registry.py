"""The default engine gives way to CTranslate2 where it computes wrongly, and says so."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from auricle.engines.registry import ENGINES, EngineSpec, openvino_policy
from auricle.engines.whisper import openvino_engine
from auricle.engines.whisper.graphs.compiling import Arithmetic, GraphOptions
from auricle.engines.whisper.native.library import Native
from auricle.errors import EngineFailed
from auricle.frames import Frame
from auricle.scheduling.ahead import MODULE
from auricle.scheduling.messages import Load, to_header
from auricle.settings import load
from auricle.telemetry import ConsoleFormatter
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable

REASON = "self-check: logits in a batch differ by 3.000 of their spread"


def whisper_base() -> Path:
    settings, _ = load()
    store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
    return store.resolve(ModelTable.load().configured("whisper-base"))


def refuse(kernel: object) -> None:
    raise EngineFailed(REASON)


BYTES = replace(GraphOptions.exact(), int8_windows=True)
BESIDE_BF16 = replace(BYTES, encoder=Arithmetic.BF16)


@pytest.mark.parametrize(
    ("options", "beam_size"),
    [
        (BYTES, 4),
        (BESIDE_BF16, 3),
        (replace(BESIDE_BF16, native_decoder=Native.BYTES), 4),
        (GraphOptions.exact(), 3),
    ],
)
def test_more_texts_are_followed_where_they_cost_little_beside_the_encoder(
    options: GraphOptions, beam_size: int
) -> None:
    assert options.decoder_properties()["INFERENCE_PRECISION_HINT"] == "f32"
    assert openvino_policy(options).beam_size == beam_size
    assert openvino_policy(options, 2).beam_size == 2


def test_a_failed_self_check_is_a_warning_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(openvino_engine, "self_check", refuse)
    engine = ENGINES["openvino"](EngineSpec("openvino", str(whisper_base())))
    try:
        assert engine.info.name == "ctranslate2"
        assert not engine.info.context_bias
    finally:
        engine.close()
    (record,) = (each for each in caplog.records if each.getMessage() == "engine.fallback")
    line = ConsoleFormatter().format(record)
    assert line.endswith(f'warning engine.fallback to=ctranslate2 reason="{REASON}"')


def test_a_worker_logs_in_the_servers_form(tmp_path: Path) -> None:
    no_folder = tmp_path / "graphs"
    no_folder.touch()
    spec = EngineSpec(
        "openvino", str(whisper_base()), graphs_folder=str(no_folder), log_format="json"
    )
    done = subprocess.run(
        [sys.executable, "-m", MODULE],
        input=Frame(to_header(Load(spec=spec))).encode_head(),
        capture_output=True,
        timeout=240,
        check=False,
    )
    line = json.loads(done.stderr.splitlines()[0])
    assert (line["level"], line["event"]) == ("warning", "graph_cache.unusable")
    assert str(no_folder) in line["error"]
