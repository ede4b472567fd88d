"""What finds speakers in a waveform: our diarizer, and sherpa-onnx on the same networks."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from auricle.audio.waveform import Waveform
from auricle.diarization.clustering import Projection
from auricle.diarization.embedding import MODELS
from auricle.diarization.networks import Networks
from auricle.diarization.recording import diarize
from speaker_errors import SpokenTurn

BLOCK = 65_536  # samples, as a decoder sends them


class Diarizer(Protocol):
    """Something that finds turns, on one thread."""

    @property
    def name(self) -> str:
        """As printed in the table."""
        ...

    def turns(self, waveform: Waveform) -> list[SpokenTurn]:
        """Who speaks when."""
        ...


class OurDiarizer:
    """The networks and the pipeline of the package."""

    name = "Auricle"

    def __init__(self) -> None:
        self._networks = Networks()
        self._projection = Projection.load()

    def turns(self, waveform: Waveform) -> list[SpokenTurn]:
        """See `Diarizer`."""
        blocks = np.split(waveform, range(BLOCK, len(waveform), BLOCK))
        speakers = diarize(blocks, self._networks, self._projection)
        return [SpokenTurn(turn.start, turn.end, str(turn.speaker)) for turn in speakers.turns]


class SherpaOnnx:
    """sherpa-onnx's offline diarization; the threshold is its clustering's."""

    def __init__(self, threshold: float, models: Path = MODELS) -> None:
        import sherpa_onnx

        self.name = f"sherpa-onnx, threshold {threshold:g}"
        segmentation = sherpa_onnx.OfflineSpeakerSegmentationPyannoteModelConfig(
            model=str(models / "segmentation.onnx")
        )
        config = sherpa_onnx.OfflineSpeakerDiarizationConfig(
            segmentation=sherpa_onnx.OfflineSpeakerSegmentationModelConfig(
                pyannote=segmentation, num_threads=1
            ),
            embedding=sherpa_onnx.SpeakerEmbeddingExtractorConfig(
                model=str(models / "campplus.onnx"), num_threads=1
            ),
            clustering=sherpa_onnx.FastClusteringConfig(num_clusters=-1, threshold=threshold),
            min_duration_on=0.3,
            min_duration_off=0.5,
        )
        self._diarization: Any = sherpa_onnx.OfflineSpeakerDiarization(config)

    def turns(self, waveform: Waveform) -> list[SpokenTurn]:
        """See `Diarizer`."""
        found = self._diarization.process(waveform).sort_by_start_time()
        return [SpokenTurn(turn.start, turn.end, str(turn.speaker)) for turn in found]
