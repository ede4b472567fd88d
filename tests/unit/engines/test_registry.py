"""The default engine gives way to CTranslate2 where it computes wrongly, and says so."""

import pytest

from auricle.engines.registry import ENGINES, EngineSpec
from auricle.engines.whisper import openvino_engine
from auricle.errors import EngineFailed
from auricle.settings import load
from auricle.telemetry import ConsoleFormatter
from auricle.weights.store import ModelStore
from auricle.weights.table import ModelTable

REASON = "self-check: logits in a batch differ by 3.000 of their spread"


def refuse(kernel: object) -> None:
    raise EngineFailed(REASON)


def test_a_failed_self_check_is_a_warning_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings, _ = load()
    store = ModelStore(settings.cache_dir, settings.weight_sources, settings.weights_dir)
    folder = store.resolve(ModelTable.load().configured("whisper-base"))
    monkeypatch.setattr(openvino_engine, "self_check", refuse)
    engine = ENGINES["openvino"](EngineSpec("openvino", str(folder)))
    try:
        assert engine.info.name == "ctranslate2"
        assert not engine.info.context_bias
    finally:
        engine.close()
    (record,) = (each for each in caplog.records if each.getMessage() == "engine.fallback")
    line = ConsoleFormatter().format(record)
    assert line.endswith(f'warning engine.fallback to=ctranslate2 reason="{REASON}"')
