"""Every engine there is, in plain sight: its name in the model table, and how it is built."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from auricle import telemetry
from auricle.engines.protocol import Engine
from auricle.errors import EngineFailed

logger = logging.getLogger(__name__)

DEFAULT_SLOTS = 8
"""Utterances that a worker's stepping engine decodes at once."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What a worker process needs to build its engine; travels as JSON.

    `slots` is how many utterances a stepping engine decodes at once, `n_threads` how many threads
    compute; `graphs_folder` keeps what it builds from the weights for the next start.
    """

    engine: str
    folder: str
    beam_size: int = 5
    slots: int = DEFAULT_SLOTS
    n_threads: int = 1
    graphs_folder: str | None = None


def _ctranslate2(spec: EngineSpec) -> Engine:
    from auricle.engines.whisper.ctranslate2_engine import CTranslate2Whisper  # noqa: PLC0415
    from auricle.engines.whisper.policy import DecodePolicy  # noqa: PLC0415

    policy = DecodePolicy(beam_size=spec.beam_size)
    return CTranslate2Whisper(Path(spec.folder), policy, n_threads=spec.n_threads)


def _openvino(spec: EngineSpec) -> Engine:
    """Our own runtime, or CTranslate2 where this processor does not compute it rightly."""
    from auricle.engines.whisper.graphs.compiling import GraphOptions  # noqa: PLC0415
    from auricle.engines.whisper.openvino_engine import OpenVinoWhisper  # noqa: PLC0415
    from auricle.engines.whisper.policy import DecodePolicy  # noqa: PLC0415

    try:
        return OpenVinoWhisper(
            Path(spec.folder),
            DecodePolicy(beam_size=spec.beam_size),
            GraphOptions.fastest(n_threads=spec.n_threads),
            slots=spec.slots,
            cache_folder=None if spec.graphs_folder is None else Path(spec.graphs_folder),
        )
    except EngineFailed as error:
        telemetry.log(
            logger, logging.WARNING, "engine.fallback", to="ctranslate2", reason=error.message
        )
        return _ctranslate2(spec)


ENGINES: Mapping[str, Callable[[EngineSpec], Engine]] = {
    "ctranslate2": _ctranslate2,
    "openvino": _openvino,
}
"""Builders import their engine when called: nobody pays for the ones that are not used."""
