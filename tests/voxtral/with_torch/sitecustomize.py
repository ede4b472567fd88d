"""For the Python of a server: its own libraries first, torch and transformers from vLLM's room."""

import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
sys.path += map(str, _ROOT.glob(".venvs/vllm/lib/python3.*/site-packages"))
