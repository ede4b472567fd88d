"""What a process does not load that it has no use for: it costs memory and a part of the start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = ("auricle.cli", "auricle.runtime", "auricle.server.app", "auricle.server.serving")
AHEAD = ("auricle.cli", "auricle.cli.ahead")
"""What a server has loaded when it begins its engine's process, before it knows its settings."""
START = ("auricle.cli.serve", "auricle.runtime", "auricle.server.keys", "auricle.server.listener")
"""What the server has loaded when it starts its children; it loads the rest beside them."""
WORKER = ("auricle.scheduling.worker_process", "auricle.engines.whisper.openvino_engine")
DECODER = ("auricle.frontend.child",)
OF_CHILDREN = ("av", "ctranslate2", "onnxruntime", "openvino", "soxr", "torch")
OF_THE_SERVER = ("httpx", "prometheus_client", "starlette", "uvicorn")
OF_LOOPS = ("asyncio", "pydantic")
"""What talks to many at once, and does not believe them."""
REPORTS = ("openvino_telemetry",)
"""What would tell strangers that we run."""


@pytest.mark.parametrize(
    ("modules", "unused"),
    [
        (SERVER, OF_CHILDREN),
        (AHEAD, ("numpy", "pydantic", "auricle.settings")),
        (START, (*OF_CHILDREN, *OF_THE_SERVER, "auricle.cli.transcribe")),
        (
            WORKER,
            (*OF_THE_SERVER, *OF_LOOPS, *REPORTS, "av", "ctranslate2", "onnxruntime", "torch"),
        ),
        (
            DECODER,
            (*OF_THE_SERVER, *OF_LOOPS, *REPORTS, "ctranslate2", "onnxruntime", "tokenizers"),
        ),
    ],
    ids=["server", "ahead", "start", "worker", "decoder"],
)
def test_a_process_loads_what_it_needs(modules: tuple[str, ...], unused: tuple[str, ...]) -> None:
    code = (
        f"import sys, {', '.join(modules)};"
        f"print([name for name in {unused} if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"


def test_an_engine_leaves_no_identity_at_home(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "CI"}
    subprocess.run(
        [sys.executable, "-c", f"import {WORKER[-1]}"],
        env={**environ, "HOME": str(tmp_path)},
        check=True,
    )
    assert not list(tmp_path.iterdir())
