"""The peers, each started when a row first asks for it; what is not installed says so."""

import contextlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from auricle.process_tree import tree_cpu_s
from auricle.scoring.text import scored_tokens
from auricle.scoring.wer import count_errors
from manifest import Recording
from peers.ggml_weights import write_ggml
from server_process import connect, started_server
from speech import Speech
from systems import Answer, FasterWhisper, System

BATCH = 8
WORKERS = 2
PROOF_S = 8.0
WORST_RATE = 0.5
"""Errors a word in the first utterance, of about `PROOF_S`, above which a peer is broken."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A peer that cannot be measured here, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class HttpPeer:
    """Somebody else's server. `ask` sends a recording and returns the text."""

    name: str
    ask: Callable[[Recording], str]
    pid: int | None

    def transcribe(self, recording: Recording) -> Answer:
        """One request; an error of the server is an answer with an error."""
        cpu_before_s, started_s = self._cpu_s(), perf_counter()
        try:
            text = self.ask(recording)
        except (httpx.HTTPError, KeyError) as error:
            return Answer("", None, error=repr(error))
        wall_s = perf_counter() - started_s
        return Answer(text, None, wall_s=wall_s, cpu_s=self._cpu_s() - cpu_before_s)

    def _cpu_s(self) -> float:
        return (self.pid and tree_cpu_s(self.pid)) or 0.0


class Peers:
    """Starts them on `stack`, which stops them."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        speech: Speech,
        weights: Path,
        *,
        threads: int,
        whisper_cpp: Path | None,
    ) -> None:
        """Args: `weights` is a folder of the model store, `whisper_cpp` its server's program."""
        self._stack = stack
        self._speech = speech
        self._weights = weights
        self._threads = threads
        self._whisper_cpp = whisper_cpp

    @cached_property
    def sequential(self) -> System | Missing:
        """faster-whisper with its defaults: beam 5, one window after the other."""
        return self._library("faster-whisper", batch_size=None)

    @cached_property
    def batched(self) -> System | Missing:
        """faster-whisper's batched pipeline, greedy."""
        return self._library(f"faster-whisper batched {BATCH}, greedy", batch_size=BATCH)

    @cached_property
    def simple_server(self) -> System | Missing:
        """faster-whisper, greedy, in processes of one thread behind HTTP."""
        name = f"faster-whisper server, {WORKERS} workers, greedy"
        if not _has_library():
            return Missing(name, "faster-whisper is not installed")
        program = Path(__file__).with_name("simple_server.py")
        command = [sys.executable, str(program), str(self._weights), str(WORKERS)]
        client = self._stack.enter_context(
            connect(self._stack.enter_context(started_server(command, "/")))
        )

        def ask(recording: Recording) -> str:
            answer = client.post("/", content=recording.path.read_bytes()).raise_for_status()
            return str(answer.json()["text"])

        return self._warmed(HttpPeer(name, ask, None))

    @cached_property
    def whisper_cpp(self) -> System | Missing:
        """whisper.cpp's server with its defaults, on the same weights as q8_0."""
        name = "whisper.cpp server, q8_0"
        if self._whisper_cpp is None:
            return Missing(name, "not installed (--whisper-cpp)")
        write_ggml(self._weights, model := self._speech.folder / "ggml-q8_0.bin")
        threads = ["--threads", str(self._threads)]
        command = [str(self._whisper_cpp), "--model", str(model), *threads, "--port"]
        server = self._stack.enter_context(started_server(command, "/health"))
        client = self._stack.enter_context(connect(server))
        for recording in self._speech.long:  # converted now: it is no part of what is timed
            self._speech.wav(recording)

        def ask(recording: Recording) -> str:
            file = self._speech.wav(recording).read_bytes()
            form = {"response_format": "json"}
            answer = client.post("/inference", data=form, files={"file": file}).raise_for_status()
            return str(answer.json()["text"])

        return self._warmed(HttpPeer(name, ask, server.pid))

    @cached_property
    def _model(self) -> Any:
        return FasterWhisper.load(self._weights, threads=self._threads)

    def _library(self, name: str, *, batch_size: int | None) -> System | Missing:
        if not _has_library():
            return Missing(name, "faster-whisper is not installed")
        options: dict[str, Any] = {} if batch_size is None else {"beam_size": 1}
        return self._warmed(FasterWhisper(self._model, name=name, batch_size=batch_size, **options))

    def _warmed(self, system: System) -> System:
        """The system, after it has proved on an utterance that it hears."""
        utterance = self._speech.near(PROOF_S, 1)[0]
        answer = system.transcribe(utterance)
        said, heard = (
            scored_tokens(text, "en") for text in (utterance.reference or "", answer.text)
        )
        if answer.error or count_errors(said, heard).rate > WORST_RATE:
            raise SystemExit(f"{system.name} does not work: {answer.error or answer.text!r}")
        return system


def _has_library() -> bool:
    return importlib.util.find_spec("faster_whisper") is not None
