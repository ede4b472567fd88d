"""Graphs on disk: what was built from the weights once need not be built at the next start.

OpenVINO's own cache of compiled graphs loses what paged attention needs to know of its heads
(2026.4.1), and so fails on the decoder; this one keeps the graphs before they are compiled.
Workers map the same file, so its weights are in memory once.
"""

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import openvino as ov

from auricle import telemetry
from auricle.engines.whisper.graphs.compiling import runtime
from auricle.engines.whisper.graphs.paged_attention import describe_heads

GRAPH_VERSION = 5
"""To be raised with every change of the graphs, so that older files are not read."""

logger = logging.getLogger(__name__)


class GraphCache:
    """Graphs of one checkpoint in a folder; a file that is damaged is written anew."""

    def __init__(self, folder: Path | None, fingerprint: str) -> None:
        """Args: `folder`, or None to keep nothing; `fingerprint` of the weights."""
        self._folder = folder
        self._fingerprint = fingerprint

    def graph(self, name: str, build: Callable[[], ov.Model], n_heads: int) -> ov.Model:
        """The graph `name`: from the folder, or from `build`, and then kept.

        `name` says all that `build` depends on beside the weights.
        """
        if self._folder is None:
            return build()
        key = f"{self._fingerprint}:{GRAPH_VERSION}:{ov.__version__}:{name}"
        stem = f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"
        path = self._folder / f"{stem}.xml"
        try:
            if not _is_whole(path):
                _save(build(), path)
            model = runtime().read_model(path)  # mapped, not in memory as what was built is
        except (OSError, RuntimeError) as error:
            telemetry.log(logger, logging.WARNING, "graph_cache.unusable", error=str(error))
            return build()
        describe_heads(model, n_heads)
        return model


def _is_whole(path: Path) -> bool:
    """Whether the files are there and as they were written."""
    try:
        return _digest(path) == path.with_suffix(".sha256").read_bytes()
    except OSError:
        return False


def _digest(path: Path) -> bytes:
    with path.with_suffix(".bin").open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").digest()
    return hashlib.sha256(path.read_bytes()).digest() + weights


def _save(model: ov.Model, path: Path) -> None:
    """Write all files beside their place and move them there, the digest last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        ov.save_model(model, fresh, compress_to_fp16=False)
        fresh.with_suffix(".sha256").write_bytes(_digest(fresh))
        for suffix in (".bin", ".xml", ".sha256"):
            os.replace(fresh.with_suffix(suffix), path.with_suffix(suffix))  # noqa: PTH105
