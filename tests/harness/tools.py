"""Tools that tests need and a machine may lack."""

import shutil
from collections.abc import Callable
from pathlib import Path

from chromium import find_chromium
from contract.sdk import NODE_MODULES, ROOT, python_of
from harness import transformers, vllm

MAKE_SDKS = "run `make sdks`"
WEB_MODULES = ROOT / "web" / "node_modules" / ".package-lock.json"

_TOOLS: dict[str, tuple[Callable[[], object], str]] = {
    "chromium": (find_chromium, "install chromium"),
    "curl": (lambda: shutil.which("curl"), "install curl"),
    "mistralai-1": (lambda: Path(python_of("1")).exists(), MAKE_SDKS),
    "mistralai-2": (lambda: Path(python_of("2")).exists(), MAKE_SDKS),
    "node": (lambda: shutil.which("node"), "install node and npm"),
    "node-sdk": (NODE_MODULES.exists, f"install node and npm, then {MAKE_SDKS}"),
    "web-modules": (WEB_MODULES.exists, f"install node and npm, then {MAKE_SDKS}"),
    "transformers": (transformers.is_installed, MAKE_SDKS),
    "vllm": (vllm.is_installed, "run `make voxtral-setup`"),
    "procfs": (Path("/proc/self/stat").exists, "it is a part of Linux"),
}


def what_is_missing(tools: tuple[str, ...]) -> str:
    """A sentence that names the first missing tool and says how to get it; empty if none is."""
    for tool in tools:
        is_there, advice = _TOOLS[tool]
        if not is_there():
            return f"{tool} is missing: {advice}"
    return ""
