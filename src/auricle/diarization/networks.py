"""The two networks, on one thread each.

Segmentation is pyannote's segmentation-3.0 (Plaquet and Bredin, 2023): who of up to three local
speakers is heard in a window of ten seconds. Embedding is 3D-Speaker's CAM++ (Wang et al.,
2023): a stretch of one voice as a vector. Both and the projection are in `models/`, which says
where they come from.
"""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from auricle.audio.waveform import Waveform
from auricle.diarization.embedding import MODELS, Embedding
from auricle.diarization.filter_bank import FilterBank

PowersetScores = NDArray[np.float32]
"""Log-probabilities of the sets of at most two of three speakers, shape (n_frames, 7)."""


class Networks:
    """Both networks, loaded. Stateless between calls; one thread computes."""

    def __init__(self, folder: Path = MODELS) -> None:
        self._segmentation = _load(folder / "segmentation.onnx")
        self._embedding = _load(folder / "campplus.onnx")

    def segment(self, waveform: Waveform) -> PowersetScores:
        """Scores of a window of up to ten seconds, longer than a frame."""
        (scores,) = self._segmentation.run(None, {"x": waveform[None, None]})
        window: PowersetScores = scores[0]
        return window

    def embed(self, features: FilterBank) -> Embedding:
        """The voice in these frames, at least a few; their mean is removed here."""
        centred = features - features.mean(axis=0)
        (vectors,) = self._embedding.run(None, {"x": centred[None]})
        embedding: Embedding = vectors[0]
        return embedding


def _load(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
