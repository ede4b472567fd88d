"""vLLM's dialect of `/v1/audio/transcriptions`: what it is asked, and what its stream says.

No input or output happens here. An answer is read as if a stranger had written it.
"""

import io
import json
import wave
from typing import Any

import numpy as np

from auricle.audio.waveform import SAMPLE_RATE
from auricle.engines.protocol import DecodeOptions, Utterance
from auricle.engines.voxtral.model import VoxtralModel

MAX_LINE_BYTES = 64 << 10
"""Of the stream; a chunk holds a token."""
BYTES_PER_TOKEN = 2 << 10
"""Of the stream, for each token that was asked for, its frame included."""

_DONE = "[DONE]"


class UpstreamTrouble(Exception):
    """An upstream gave no usable answer.

    `reason` may be told to clients; `detail` is the upstream's own words, for the log. `is_down`
    says that it should not be asked again before it has shown to be well, `is_certain` that
    another try would end the same.
    """

    def __init__(
        self, reason: str, *, detail: str = "", is_down: bool = False, is_certain: bool = False
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.is_down = is_down
        self.is_certain = is_certain


def form_of(model: VoxtralModel, options: DecodeOptions, duration_s: float) -> dict[str, str]:
    """The text fields of a request, but for the name of the model."""
    form = {
        "response_format": "json",
        "stream": "true",
        "temperature": f"{options.temperature or 0.0:g}",
        "max_completion_tokens": str(model.max_new_tokens(duration_s)),
    }
    if options.language is not None and not model.is_realtime:  # no such field in its prompt
        form["language"] = options.language
    return form


def wav_of(utterance: Utterance) -> bytes:
    """The utterance as 16-bit WAV, which is what the model's own preparation makes of it."""
    samples = np.clip(np.rint(utterance.waveform * 32768.0), -32768, 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


class StreamReader:
    """Reads the bytes of one answer. Owner: one request.

    `feed` gives the texts that were in them; `finish` says whether the answer was whole. `n_chunks`
    counts the chunks that were read, with text or without.
    """

    def __init__(self, max_tokens: int) -> None:
        self._max_tokens = max_tokens
        self._max_bytes = MAX_LINE_BYTES + max_tokens * BYTES_PER_TOKEN
        self._n_bytes = 0
        self.n_chunks = 0
        self._line = b""
        self._is_done = False
        self._finish_reason: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether the end of the answer was seen."""
        return self._is_done

    def feed(self, data: bytes) -> list[str]:
        """The texts in the next bytes, one a token or so; none of them is empty.

        Raises:
            UpstreamTrouble: this is no such stream, it is over a bound, or it reports an error.
        """
        self._n_bytes += len(data)
        if self._n_bytes > self._max_bytes:  # chunks without text are bounded by this too
            raise UpstreamTrouble(f"its answer is over the limit of {self._max_bytes} bytes")
        *lines, self._line = (self._line + data).split(b"\n")
        if len(self._line) > MAX_LINE_BYTES:
            raise UpstreamTrouble(f"a line of its answer is over {MAX_LINE_BYTES} bytes")
        return [text for text in map(self._text, lines) if text]

    def stop(self) -> None:
        """Nothing more is wanted: the answer counts as whole."""
        self._is_done, self._finish_reason = True, "stop"

    def finish(self, *, may_be_cut: bool) -> None:
        """No more bytes come.

        Args:
            may_be_cut: whether ending at the limit of tokens is the model's usual end.

        Raises:
            UpstreamTrouble: the answer is not whole.
        """
        if not self._is_done or self._finish_reason is None:
            raise UpstreamTrouble("its answer broke off", is_down=not self._is_done)
        if self._finish_reason == "length" and not may_be_cut:
            raise UpstreamTrouble(
                f"its text did not end within {self._max_tokens} tokens", is_certain=True
            )
        if self._finish_reason not in {"stop", "length"}:
            raise UpstreamTrouble("its text was ended", detail=self._finish_reason[:200])

    def _text(self, line: bytes) -> str:
        line = line.rstrip(b"\r")
        if not line.startswith(b"data:") or self._is_done:
            return ""
        payload = line.removeprefix(b"data:").strip().decode("utf-8", "replace")
        if payload == _DONE:
            self._is_done = True
            return ""
        try:
            chunk = json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise UpstreamTrouble("its answer is not JSON") from error
        if not isinstance(chunk, dict):
            raise UpstreamTrouble("its answer is no object")
        if "error" in chunk:
            raise UpstreamTrouble("it reports an error", detail=str(chunk["error"])[:200])
        return self._delta(chunk)

    def _delta(self, chunk: dict[str, Any]) -> str:
        self.n_chunks += 1
        try:
            choices = chunk["choices"]
            if not choices:  # its own usage, which we do not forward
                return ""
            reason = choices[0].get("finish_reason")
            text = choices[0].get("delta", {}).get("content")
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise UpstreamTrouble("its answer has another form than vLLM's") from error
        if isinstance(reason, str):
            self._finish_reason = reason
        return text if isinstance(text, str) else ""
