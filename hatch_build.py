"""Compiles the libraries of `engines/whisper/native` while the package is built or installed.

With Zig's C compiler, which comes as a package: nothing needs to be on the machine, and everyone
has the same code. It is for Linux on x86-64; elsewhere the package does without it.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("src/auricle/engines/whisper/native")
BYTES = "-mcpu=x86_64_v4+avx512vnni"
LIBRARIES = {
    "words.so": ["-mcpu=x86_64_v3", "encoder.c", "decoder.c"],
    "bytes.so": [BYTES, "encoder.c", "decoder.c"],
    "tiles.so": [f"{BYTES}+avx512bf16+amx_tile+amx_bf16", "-DAURICLE_TILES", "encoder.c"],
}
"""By instructions: AVX2, AVX-512 with VNNI, AMX; a processor with some has those before them."""
COMPILER = (sys.executable, "-m", "ziglang", "cc")
TARGET = "x86_64-linux-gnu.2.17"
"""The oldest C library it runs with, as the wheel's tag says."""
TAG = "py3-none-manylinux_2_17_x86_64"
OPTIONS = [
    *f"-target {TARGET} -std=c11 -D_GNU_SOURCE -O3".split(),
    *["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-s", "-lm"],
]


class NativeHook(BuildHookInterface[Any]):
    """See the module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into the source tree, from where an editable installation uses it."""
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            return
        folder = Path(self.root) / FOLDER
        with TemporaryDirectory() as cache:
            caches = dict.fromkeys(("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"), cache)
            for name, arguments in LIBRARIES.items():
                command = [*COMPILER, *OPTIONS, "-o", name, *arguments]
                subprocess.run(command, env={**os.environ, **caches}, check=True, cwd=folder)  # noqa: S603
                build_data["artifacts"].append(str(FOLDER / name))
        build_data["pure_python"] = False
        build_data["tag"] = TAG
