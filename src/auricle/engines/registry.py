"""Every engine there is, in plain sight: its name in the model table, and how it is built."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auricle import telemetry
from auricle.engines.protocol import Engine
from auricle.errors import EngineFailed

if TYPE_CHECKING:
    from auricle.engines.whisper.graphs.compiling import GraphOptions
    from auricle.engines.whisper.policy import DecodePolicy

logger = logging.getLogger(__name__)

CTRANSLATE2_BEAM = 5
OPENVINO_BEAM, OPENVINO_MARGIN = 3, 0.7
"""Width of beam search; ours keeps texts that differ in more than their times, and so needs fewer
(`docs/benchmarks.md`). The margin is `DecodePolicy.beam_margin`."""
OPENVINO_WIDE_BEAM, OPENVINO_WIDE_MARGIN = 4, 2.0
"""The same where a further text costs little (`GraphOptions.has_cheap_search`)."""

MAX_ENCODER_THREADS = 4
"""Unless more threads are asked for. They share the work of one operation, which is long in the
encoder, and take a core only while it is idle: beside busy workers they cost nothing. In the
decoder, whose operations are short, they do (`docs/benchmarks.md`)."""

DEFAULT_SLOTS = 8
"""Utterances that a worker's stepping engine decodes at once."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What a worker process needs to build its engine; travels as JSON.

    `beam_size` None means the engine's own. `slots` is how many utterances a stepping engine
    decodes at once, `n_threads` how many threads compute, `n_cores` on how many cores those may
    be that only take idle ones; `graphs_folder` keeps what it builds
    from the weights for the next start; `languages` are those of a checkpoint that does not name
    them itself. `log_format` is how the worker writes its log, see `telemetry.configure_logging`.
    """

    engine: str
    folder: str
    beam_size: int | None = None
    slots: int = DEFAULT_SLOTS
    n_threads: int = 1
    n_cores: int = 1
    graphs_folder: str | None = None
    languages: tuple[str, ...] = ()
    log_format: str = "console"


def _ctranslate2(spec: EngineSpec) -> Engine:
    from auricle.engines.whisper.ctranslate2_engine import CTranslate2Whisper  # noqa: PLC0415
    from auricle.engines.whisper.policy import DecodePolicy  # noqa: PLC0415

    policy = DecodePolicy(beam_size=spec.beam_size or CTRANSLATE2_BEAM)
    return CTranslate2Whisper(Path(spec.folder), policy, n_threads=spec.n_threads)


def openvino_policy(
    graphs: "GraphOptions", beam_size: int | None = None, margin: float | None = None
) -> "DecodePolicy":
    """How our runtime searches with graphs of that kind; what is None is its own choice."""
    from auricle.engines.whisper.policy import DecodePolicy  # noqa: PLC0415

    own_size, own_margin = OPENVINO_BEAM, OPENVINO_MARGIN
    if graphs.has_cheap_search:
        own_size, own_margin = OPENVINO_WIDE_BEAM, OPENVINO_WIDE_MARGIN
    return DecodePolicy(
        beam_size=beam_size or own_size, beam_margin=own_margin if margin is None else margin
    )


def _openvino(spec: EngineSpec) -> Engine:
    """Our own runtime, or CTranslate2 where this processor does not compute it rightly."""
    from auricle.engines.whisper.graphs.compiling import GraphOptions  # noqa: PLC0415
    from auricle.engines.whisper.openvino_engine import OpenVinoWhisper  # noqa: PLC0415

    n_idle = min(spec.n_cores, MAX_ENCODER_THREADS)
    options = GraphOptions.fastest(
        n_threads=spec.n_threads, n_encoder_threads=max(spec.n_threads, n_idle)
    )
    try:
        return OpenVinoWhisper(
            Path(spec.folder),
            openvino_policy(options, spec.beam_size),
            options,
            slots=spec.slots,
            cache_folder=None if spec.graphs_folder is None else Path(spec.graphs_folder),
        )
    except EngineFailed as error:
        telemetry.log(
            logger, logging.WARNING, "engine.fallback", to="ctranslate2", reason=error.message
        )
        return _ctranslate2(spec)


def _transformers(spec: EngineSpec) -> Engine:
    from auricle.engines.voxtral.transformers_engine import TransformersVoxtral  # noqa: PLC0415

    return TransformersVoxtral(
        Path(spec.folder), spec.languages, slots=spec.slots, n_threads=spec.n_threads
    )


ENGINES: Mapping[str, Callable[[EngineSpec], Engine]] = {
    "ctranslate2": _ctranslate2,
    "openvino": _openvino,
    "transformers": _transformers,
}
"""Builders import their engine when called: nobody pays for the ones that are not used."""


@dataclass(frozen=True, slots=True)
class Forking:
    """What an engine needs for its process to be copied with fork().

    `hold` comes before the engine is built, and says whether the process can be copied at all;
    `resume` is called in each copy, and proves that it computes.
    """

    hold: Callable[[], bool]
    resume: Callable[[Engine], None]


def _hold_openvino() -> bool:
    from auricle.engines.whisper.graphs.threads import hold_threads  # noqa: PLC0415

    return hold_threads()


def _resume_openvino(engine: Engine) -> None:
    from auricle.engines.whisper.openvino_engine import OpenVinoWhisper  # noqa: PLC0415

    assert isinstance(engine, OpenVinoWhisper)
    engine.resume()


FORKING: Mapping[str, Forking] = {"openvino": Forking(_hold_openvino, _resume_openvino)}
"""Engines whose process can be copied, if they compute with a single thread of their own."""


def can_be_copied(spec: EngineSpec) -> bool:
    """Whether a process that loads this can be copied, where processes can."""
    return spec.engine in FORKING and spec.n_threads == 1
