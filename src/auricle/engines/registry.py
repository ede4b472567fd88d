"""Every engine there is, in plain sight: its name in the model table, and how it is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from auricle.engines.protocol import Engine


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What a worker process needs to build its engine; travels as JSON."""

    engine: str
    folder: str
    beam_size: int = 5


def _ctranslate2(spec: EngineSpec) -> Engine:
    from auricle.engines.whisper.ctranslate2_engine import CTranslate2Whisper  # noqa: PLC0415
    from auricle.engines.whisper.policy import DecodePolicy  # noqa: PLC0415

    return CTranslate2Whisper(Path(spec.folder), DecodePolicy(beam_size=spec.beam_size))


ENGINES: Mapping[str, Callable[[EngineSpec], Engine]] = {"ctranslate2": _ctranslate2}
"""Builders import their engine when called: nobody pays for the ones that are not used."""
