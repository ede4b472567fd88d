"""What is compared: Auricle through HTTP, the faster-whisper library, and stored answers."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from auricle.process_tree import tree_cpu_s
from cpu_time import own_cpu_s
from manifest import Recording


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system made of a recording, and what it took. Times are seconds.

    `language` is a two-letter code or None. `first_s` is the time to the first text, None
    without any. `error` says why there is no answer; the text is then empty.
    """

    text: str
    language: str | None
    wall_s: float = 0.0
    first_s: float | None = None
    cpu_s: float | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, times to the millisecond, without what is not known."""
        values = {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return {k: v for k, v in values.items() if v is not None or k == "language"}


class System(Protocol):
    """Something that transcribes. Answers, also with an error, never raises for a recording."""

    @property
    def name(self) -> str:
        """As printed in the tables."""
        ...

    def transcribe(self, recording: Recording) -> Answer:
        """Transcribe with language detection."""
        ...


class ServerError(Exception):
    """The server answered with an error, or broke the protocol."""


@dataclass(frozen=True, slots=True)
class AuricleServer:
    """A running server, asked as a user would ask it: a file and a model, or speakers as well.

    `pid` is the server's process, for its processor time; None if it is not on this machine.
    """

    client: httpx.Client
    model: str
    stream: bool = False
    diarize: bool = False
    pid: int | None = None
    name: str = "Auricle"

    def transcribe(self, recording: Recording) -> Answer:
        """Post the file and read the whole answer, or the stream of it."""
        cpu_before_s, started_s = self._cpu_s(), time.perf_counter()
        try:
            ask = self._stream if self.stream else self._post
            text, language, first_at_s = ask(recording.path)
        except (httpx.HTTPError, ServerError) as error:
            return Answer("", None, error=str(error) or repr(error))
        ended_s, cpu_after_s = time.perf_counter(), self._cpu_s()
        return Answer(
            text,
            language,
            wall_s=ended_s - started_s,
            first_s=None if first_at_s is None else first_at_s - started_s,
            cpu_s=None
            if cpu_before_s is None or cpu_after_s is None
            else cpu_after_s - cpu_before_s,
        )

    def _form(self) -> dict[str, str]:
        return {"model": self.model, **({"diarize": "true"} if self.diarize else {})}

    def _cpu_s(self) -> float | None:
        return None if self.pid is None else tree_cpu_s(self.pid)

    def _post(self, path: Path) -> tuple[str, str | None, float | None]:
        with path.open("rb") as file:
            response = self.client.post(
                "/v1/audio/transcriptions", data=self._form(), files={"file": file}
            )
        _raise_for_status(response)
        body = response.json()
        return body["text"], body["language"], time.perf_counter() if body["text"] else None

    def _stream(self, path: Path) -> tuple[str, str | None, float | None]:
        form = {**self._form(), "stream": "true"}
        with (
            path.open("rb") as file,
            self.client.stream(
                "POST", "/v1/audio/transcriptions", data=form, files={"file": file}
            ) as response,
        ):
            _raise_for_status(response)
            return fold_events(sse_payloads(response.iter_lines()))


def _raise_for_status(response: httpx.Response) -> None:
    if response.status_code != httpx.codes.OK:
        raise ServerError(f"status {response.status_code}: {response.read()[:300]!r}")


def sse_payloads(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The JSON payload of each server-sent event; comments are skipped."""
    for line in lines:
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))


def fold_events(
    payloads: Iterator[dict[str, Any]], clock: Callable[[], float] = time.perf_counter
) -> tuple[str, str | None, float | None]:
    """Text, language and the clock's time at the first text delta of a stream.

    Raises:
        ServerError: the stream has an error, no end, or deltas that are not its text.
    """
    deltas: list[str] = []
    first_at_s = None
    for payload in payloads:
        match payload.get("type"):
            case "transcription.text.delta":
                first_at_s = clock() if first_at_s is None else first_at_s
                deltas.append(payload["text"])
            case "transcription.done":
                if "".join(deltas) != payload["text"]:
                    raise ServerError("the deltas do not make up the final text")
                return payload["text"], payload["language"], first_at_s
            case "transcription.language" | "transcription.segment":
                pass
            case _:
                raise ServerError(f"unexpected event {payload}")
    raise ServerError("the stream ended without transcription.done")


_WHISPER_LANGUAGES = {"yue": "zh", "jw": "jv"}
"""Whisper's own codes, where they are not ISO 639-1."""


class FasterWhisper:
    """The faster-whisper library in this process; what is not named is its default.

    With `batch_size` its batched pipeline is used.
    """

    def __init__(
        self, model: Any, *, name: str, batch_size: int | None = None, **options: object
    ) -> None:
        self.name = name
        self._options: dict[str, Any] = dict(options)
        self._model = model
        if batch_size is not None:
            from faster_whisper import BatchedInferencePipeline

            self._model = BatchedInferencePipeline(model)
            self._options["batch_size"] = batch_size

    @staticmethod
    def load(weights: Path, *, threads: int) -> Any:
        """A model at int8, to be shared by several of these."""
        from faster_whisper import WhisperModel

        return WhisperModel(str(weights), device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(self, recording: Recording) -> Answer:
        """Run the library's generator to its end."""
        started_s, cpu_before_s = time.perf_counter(), own_cpu_s()
        first_s, parts = None, []
        try:
            segments, info = self._model.transcribe(str(recording.path), **self._options)
            for segment in segments:
                first_s = first_s or time.perf_counter() - started_s
                parts.append(segment.text)
        except Exception as error:  # noqa: BLE001 (a peer's failure is a result, not ours)
            return Answer("", None, error=repr(error))
        return Answer(
            "".join(parts).strip(),
            _WHISPER_LANGUAGES.get(info.language, info.language),
            wall_s=time.perf_counter() - started_s,
            first_s=first_s,
            cpu_s=own_cpu_s() - cpu_before_s,
        )


class StoredAnswers:
    """One system's answers from a former run's JSON lines: quick, but not a fair comparison."""

    def __init__(self, path: Path, *, system: str) -> None:
        self.name = f"{system} (stored)"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self._answers = {
            row["id"]: Answer(**row["answers"][system])
            for row in rows
            if row["type"] == "item" and system in row["answers"]
        }

    def transcribe(self, recording: Recording) -> Answer:
        """Look the recording up."""
        missing = Answer("", None, error="not in the stored run")
        return self._answers.get(recording.id, missing)
