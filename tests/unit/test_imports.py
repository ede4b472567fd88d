"""What the server's own process does not load: it costs memory and a part of the start."""

import subprocess
import sys

OF_OTHER_PROCESSES = ("av", "ctranslate2", "onnxruntime", "openvino", "soxr", "torch")
"""Decoders, diarizers and engines load these."""


def test_the_server_loads_what_it_needs_itself() -> None:
    code = (
        "import sys, auricle.cli, auricle.runtime, auricle.server.app, auricle.server.serving;"
        f"print([name for name in {OF_OTHER_PROCESSES} if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
