"""Speech probabilities with Silero VAD, its ONNX model over a sequence of frames.

The model (snakers4/silero-vad, `silero_vad_16k_sequence.onnx`) is an LSTM over frames of 512
samples, each seen with the last 64 samples of the frame before it. Its state is a value here:
one loaded model serves any number of recordings, and any cut of a recording into blocks gives
the same probabilities but for rounding (a millionth, where frames come one by one).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from auricle.audio.waveform import Waveform
from auricle.vad.gain import Loudness, raise_quiet
from auricle.vad.segmenter import FRAME_LENGTH

CONTEXT_LENGTH = 64  # samples
HIDDEN_SIZE = 128
MAX_FRAMES = 128  # per call of the model, 4.1 s: bounds the memory of a call

Probabilities = NDArray[np.float32]
"""Speech probability of each frame of FRAME_LENGTH samples, shape (n_frames,), 0..1."""


@dataclass(frozen=True, slots=True)
class VadState:
    """Where the detector stands in a recording."""

    hidden: NDArray[np.float32]  # (1, 1, HIDDEN_SIZE)
    cell: NDArray[np.float32]  # (1, 1, HIDDEN_SIZE)
    context: NDArray[np.float32]  # (CONTEXT_LENGTH,), end of the last frame as the model saw it
    pending: NDArray[np.float32]  # (< FRAME_LENGTH,), no whole frame yet
    loudness: Loudness

    @classmethod
    def at_start(cls) -> "VadState":
        """The state before the first sample."""
        zeros = np.zeros((1, 1, HIDDEN_SIZE), np.float32)
        context = np.zeros(CONTEXT_LENGTH, np.float32)
        return cls(zeros, zeros, context, np.zeros(0, np.float32), Loudness())


class SileroVad:
    """The loaded model; one thread, no state between calls."""

    def __init__(self, path: Path) -> None:
        options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 0, "INFERENCE_PRECISION_HINT": "f32"}
        core = ov.Core()
        model = core.compile_model(core.read_model(path), "CPU", options)
        self._request = model.create_infer_request()

    def feed(self, waveform: Waveform, state: VadState) -> tuple[Probabilities, VadState]:
        """Probabilities of the frames that became whole, and the state behind them."""
        samples = np.concatenate([state.pending, waveform]) if len(state.pending) else waveform
        n_frames = len(samples) // FRAME_LENGTH
        frames = samples[: n_frames * FRAME_LENGTH].reshape(n_frames, FRAME_LENGTH)
        parts = [np.zeros(0, np.float32)]
        for first in range(0, n_frames, MAX_FRAMES):
            part, state = self._run(frames[first : first + MAX_FRAMES], state)
            parts.append(part)
        pending = samples[n_frames * FRAME_LENGTH :].copy()
        return np.concatenate(parts), replace(state, pending=pending)

    def finish(self, state: VadState) -> Probabilities:
        """The last, incomplete frame, filled up with silence: one probability or none."""
        if not len(state.pending):
            return np.zeros(0, np.float32)
        padding = np.zeros(FRAME_LENGTH - len(state.pending), np.float32)
        probabilities, _ = self.feed(padding, state)
        return probabilities

    def _run(self, frames: NDArray[np.float32], state: VadState) -> tuple[Probabilities, VadState]:
        """One call of the model for frames of shape (n_frames, FRAME_LENGTH), n_frames > 0."""
        frames, loudness = raise_quiet(frames, state.loudness)
        inputs = np.empty((len(frames), CONTEXT_LENGTH + FRAME_LENGTH), np.float32)
        inputs[:, CONTEXT_LENGTH:] = frames
        inputs[0, :CONTEXT_LENGTH] = state.context
        inputs[1:, :CONTEXT_LENGTH] = frames[:-1, -CONTEXT_LENGTH:]
        self._request.infer({"input": inputs, "h": state.hidden, "c": state.cell})
        probabilities, hidden, cell = (
            self._request.get_tensor(name).data.copy() for name in ("speech_probs", "hn", "cn")
        )
        context = inputs[-1, -CONTEXT_LENGTH:].copy()
        state = replace(state, hidden=hidden, cell=cell, context=context, loudness=loudness)
        return probabilities.reshape(-1), state
