"""Auricle: speech to text that people run themselves, speaking the Mistral audio API."""

import os
import sys

# Libraries of ours that would report home do not: onnxruntime to its makers since 1.29 (with an
# identifier kept on disk), huggingface_hub what it is used by. Child processes inherit this.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# OpenVINO's model converter, which we do not use, reports that it was imported (with an identifier
# kept in the user's home); OpenVINO does without it where it cannot be imported.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]

__version__ = "0.1.0"
