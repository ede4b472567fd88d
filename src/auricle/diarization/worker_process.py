"""A diarizer process: `python -m auricle.diarization.worker_process`.

Stateless: a request holds all that its answer needs, so any process can do it, and another one
if the first dies. `{"analyse": start}` with float32 samples is answered by a packed analysis;
`{"resolve": n_samples, "n_level_bytes"}` with the levels of two channels, if there are, and
packed analyses by `{"turns"}` and the voices.
"""

import sys
import traceback

import numpy as np

from auricle.audio.waveform import SAMPLE_RATE
from auricle.diarization.analysis import analyse
from auricle.diarization.channels import speakers_by_channel
from auricle.diarization.clustering import Projection
from auricle.diarization.codec import pack, unpack
from auricle.diarization.filter_bank import filter_bank
from auricle.diarization.networks import Networks
from auricle.diarization.turns import resolve
from auricle.diarization.windows import AudioWindow
from auricle.frames import ChildChannel, Frame

MAX_TRACEBACK = 4000  # characters


class Diarizer:
    """Answers requests, one at a time."""

    def __init__(self, channel: ChildChannel) -> None:
        self._channel = channel
        self._networks = Networks()
        self._projection = Projection.load()

    def warm_up(self) -> None:
        """Proof that both networks compute."""
        noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
        self._networks.segment(noise)
        self._networks.embed(filter_bank(noise))

    def serve(self) -> None:
        """Work until the parent is gone."""
        while frame := self._channel.read():
            if "analyse" in frame.header:
                self._analyse(frame)
            else:
                self._resolve(frame)

    def _analyse(self, frame: Frame) -> None:
        window = AudioWindow(frame.header["analyse"], np.frombuffer(frame.payload, np.float32))
        self._channel.write({}, pack(analyse(window, self._networks)))

    def _resolve(self, frame: Frame) -> None:
        payload = memoryview(frame.payload)
        n_level_bytes = frame.header["n_level_bytes"]
        analyses = list(unpack(payload[n_level_bytes:]))
        speakers = resolve(analyses, frame.header["resolve"], self._projection)
        if n_level_bytes:
            levels = np.frombuffer(payload[:n_level_bytes], np.uint8).reshape(-1, 2)
            speakers = speakers_by_channel(levels, speakers) or speakers
        turns = [[turn.start, turn.end, turn.speaker] for turn in speakers.turns]
        self._channel.write({"turns": turns}, speakers.voices.tobytes())


def main() -> int:
    """Load, prove it, say so, and work until the parent is gone."""
    channel = ChildChannel.on_stdio()
    try:
        diarizer = Diarizer(channel)
        diarizer.warm_up()
        channel.write({"ready": True})
        diarizer.serve()
    except BrokenPipeError:
        return 0
    except Exception:  # noqa: BLE001 (whatever it is, the parent logs it)
        channel.write({"fault": traceback.format_exc()[-MAX_TRACEBACK:]})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
