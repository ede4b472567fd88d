"""An engine worker: `python -m auricle.scheduling.worker_process [CONTROL_FD]`.

It is told what to load on its standard input (`scheduling.messages`).

With a control socket it loads the engine and then copies itself on demand, if the engine allows
that; its copies are the workers (`auricle.copying`).

A worker has one engine and one thread of work. A second thread only reads, so that the parent's
writes never wait for a decoding, and so that the parent's death ends the process at once.
"""

import gc
import os
import queue
import sys
import threading
from importlib import import_module

import numpy as np

from auricle import telemetry
from auricle.audio.waveform import SAMPLE_RATE
from auricle.copying import serve_forks
from auricle.engines.protocol import DecodeOptions, Engine, Failed, Final, Utterance
from auricle.engines.registry import ENGINES, FORKING
from auricle.frames import ChildChannel, Frame
from auricle.scheduling.messages import (
    Cancelled,
    Fatal,
    Join,
    Ready,
    carry,
    parse_load,
    parse_to_worker,
    to_header,
)

NICENESS = 5
"""Below the API process and the decoders: what they do is short, and somebody waits for it."""
FORKED_ENGINE = "auricle.engines.whisper.openvino_engine"
"""What takes time to import for the engines of `FORKING`."""
PROOF_KEY = -1
PROOF_S = 1.0


class WorkerLoop:
    """Feeds an engine from an inbox and sends its events."""

    def __init__(self, engine: Engine, channel: ChildChannel) -> None:
        self._engine = engine
        self._channel = channel
        self._inbox: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._live: set[int] = set()

    def read_forever(self) -> None:
        """Move frames to the inbox until the parent is gone; then end the process."""
        while (frame := self._channel.read()) is not None:
            self._inbox.put(frame)
        os._exit(0)  # nobody is left to hear of anything

    def run(self) -> None:
        """Work for ever."""
        while True:
            self._take_messages()
            for key, event in self._engine.step():
                if isinstance(event, Final | Failed):
                    self._live.discard(key)
                self._channel.write(to_header(carry(key, event)))

    def _take_messages(self) -> None:
        """All that has arrived; waits for one if there is nothing to do."""
        if not self._live:
            self._handle(self._inbox.get())
        while not self._inbox.empty():
            self._handle(self._inbox.get())

    def _handle(self, frame: Frame) -> None:
        message = parse_to_worker(frame.header)
        if isinstance(message, Join):
            waveform = np.frombuffer(frame.payload, np.float32)
            self._live.add(message.key)
            self._engine.join(message.key, Utterance(waveform, message.speech), message.options)
        elif message.key in self._live:
            self._live.discard(message.key)
            self._engine.cancel(message.key)
            self._channel.write(to_header(Cancelled(key=message.key)))


def prove(engine: Engine) -> None:
    """Decode a second of faint noise, if the engine did nothing like it when it was built.

    Raises:
        RuntimeError: inference does not work.
    """
    if engine.info.is_proven:
        return
    noise = np.random.default_rng(0).standard_normal(int(PROOF_S * SAMPLE_RATE))
    utterance = Utterance((noise * 1e-3).astype(np.float32))
    engine.join(PROOF_KEY, utterance, DecodeOptions(language=engine.info.languages[0]))
    while True:
        for _, event in engine.step():
            if isinstance(event, Failed):
                raise RuntimeError(event.reason)  # noqa: TRY004 (no type is at fault)
            if isinstance(event, Final):
                return


def main() -> int:
    """Build the engine, prove it, say so, and work until the parent is gone."""
    channel = ChildChannel.on_stdio()
    gc.disable()  # what is loaded stays, and is not to be looked through ten times on the way
    control = sys.argv[1:]
    if control:
        import_module(FORKED_ENGINE)  # while nobody has said yet what to load
    frame = channel.read()
    if frame is None:
        return 0
    try:
        spec = parse_load(frame.header)
        telemetry.configure_logging(spec.log_format)
        forking = FORKING[spec.engine] if control else None
        is_held = forking is not None and forking.hold()
        engine = ENGINES[spec.engine](spec)
        prove(engine)
        if forking is not None and is_held and engine.info.name == spec.engine:
            channel.write(to_header(Ready(info=engine.info, copies=True)))
            channel.close()
            channel = serve_forks(int(control[0]))
            forking.resume(engine)
        os.nice(NICENESS)
        gc.enable()
    except Exception as error:  # noqa: BLE001 (whatever it is, the parent must hear of it)
        channel.write(to_header(Fatal(reason=f"{type(error).__name__}: {error}")))
        return 1
    loop = WorkerLoop(engine, channel)
    threading.Thread(target=loop.read_forever, daemon=True).start()
    channel.write(to_header(Ready(info=engine.info)))
    try:
        loop.run()
    except ConnectionError:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
