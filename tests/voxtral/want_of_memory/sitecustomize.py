"""For a worker's Python: torch has no memory left when a test says so.

The file that MODULE_THAT_WANTS_MEMORY names holds the class of a module and a number: that call of
it, counted since the file said so, fails. Without the file none does.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import torch

_FILE = Path(os.environ["MODULE_THAT_WANTS_MEMORY"])
_calls: Counter[str] = Counter()


def _check(module: torch.nn.Module, _: tuple[Any, ...]) -> None:
    if not _FILE.exists():
        return
    wanted = _FILE.read_text()
    name, number = wanted.split()
    if type(module).__name__ == name:
        _calls[wanted] += 1
        if _calls[wanted] == int(number):
            raise torch.OutOfMemoryError("out of memory, as the test wants it")


torch.nn.modules.module.register_module_forward_pre_hook(_check)
