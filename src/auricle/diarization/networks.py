"""The two networks, on one thread each.

Segmentation is pyannote's segmentation-3.0 (Plaquet and Bredin, 2023): who of up to three local
speakers is heard in a window of ten seconds. Embedding is 3D-Speaker's CAM++ (Wang et al.,
2023): a stretch of one voice as a vector. Both and the projection are in `models/`, which says
where they come from.

onnxruntime runs them in float32; but where the processor multiplies bfloat16, OpenVINO takes voices
so, in less than half to two thirds of the time (`docs/benchmarks.md`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from auricle.audio.waveform import Waveform
from auricle.diarization.embedding import MODELS, Embedding
from auricle.diarization.filter_bank import N_BINS, FilterBank
from auricle.processor import has_bf16

PowersetScores = NDArray[np.float32]
"""Log-probabilities of the sets of at most two of three speakers, shape (n_frames, 7)."""

VOICE_FRAMES = 300
"""In bfloat16 a shorter stretch of a voice is repeated to this many frames: for each length the
kernels are made anew, which takes longer than what they compute."""

_EXPANDED_RANK = 4
"""Of a mean for each frame: batch, channels, stretches, frames of a stretch."""

_Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A batch of one in, its result out."""


class Networks:
    """Both networks, loaded. Stateless between calls; one thread computes."""

    def __init__(self, folder: Path = MODELS) -> None:
        self._in_bf16 = has_bf16()
        self._segmentation = _with_onnxruntime(folder / "segmentation.onnx")
        load = _with_openvino if self._in_bf16 else _with_onnxruntime
        self._embedding = load(folder / "campplus.onnx")

    def segment(self, waveform: Waveform) -> PowersetScores:
        """Scores of a window of up to ten seconds, longer than a frame."""
        scores: PowersetScores = self._segmentation(waveform[None, None])[0]
        return scores

    def embed(self, features: FilterBank) -> Embedding:
        """The voice in these frames, a few to VOICE_FRAMES; their mean is removed here."""
        centred = features - features.mean(axis=0)
        if self._in_bf16 and len(centred) < VOICE_FRAMES:
            centred = np.resize(centred, (VOICE_FRAMES, centred.shape[1]))  # again and again
        embedding: Embedding = self._embedding(centred[None])[0]
        return embedding


def _with_onnxruntime(path: Path) -> _Network:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = session.run(None, {"x": values})[0]
        return result

    return run


def _with_openvino(path: Path) -> _Network:
    import openvino as ov  # noqa: PLC0415 (a tenth of a second and 14 MB, where it is of use)

    properties: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 0,  # in the caller's thread
        "ENABLE_CPU_PINNING": False,
        "CPU_RUNTIME_CACHE_CAPACITY": 0,  # all are of one length
    }
    core = ov.Core()
    model = core.read_model(path)
    model.reshape([1, VOICE_FRAMES, N_BINS])  # sizes known beforehand are a quarter quicker
    _spread_by_index(model)
    request = core.compile_model(model, "CPU", properties).create_infer_request()

    def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
        request.set_input_tensor(ov.Tensor(np.ascontiguousarray(values, np.float32)))
        request.infer()
        result: NDArray[np.float32] = request.get_output_tensor().data.copy()
        return result

    return run


def _spread_by_index(model: Any) -> None:
    """Have CAM++ take a stretch's mean to each of its frames by index.

    The network expands, reshapes and cuts instead, which the plugin does one value at a time: a
    third of all its time. The values are the same.
    """
    from openvino import opset13 as ops  # noqa: PLC0415 (as above)

    for expand in model.get_ordered_ops():
        if expand.get_type_name() != "Broadcast" or len(expand.output(0).shape) < _EXPANDED_RANK:
            continue
        means = expand.input_value(0).get_node().input_value(0)
        (reshaped,) = expand.output(0).get_target_inputs()
        (cut,) = reshaped.get_node().output(0).get_target_inputs()
        frames = cut.get_node().output(0)
        stretch = np.arange(frames.shape[2], dtype=np.int32) // expand.output(0).shape[3]
        frames.replace(ops.gather(means, stretch, np.int32(2)).output(0))
    model.validate_nodes_and_infer_types()
