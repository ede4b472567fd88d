"""Logging set-up, and what is remembered of a request.

A log line is a short constant (`request.done`) and facts. No audio, transcript, prompt, file
name or key is ever a fact.
"""

import json
import logging
import sys
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TextIO

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is served by the current task."""


@dataclass(slots=True)
class RequestRecord:
    """What is known of one request. Owner: the middleware that made it; routes fill it in.

    `audio_s` is the recording's length in seconds, `timings` are seconds by step,
    `received_bytes` counts the body. `code` is the error's class, None when all went well.
    """

    method: str
    route: str = "unknown"
    tenant: str = ""
    model: str | None = None
    audio_s: float | None = None
    received_bytes: int = 0
    timings: dict[str, float] = field(default_factory=dict)
    status: int | None = None
    code: str | None = None
    departed: bool = False


def log(logger: logging.Logger, level: int, event: str, **facts: object) -> None:
    """Write one event with its facts; facts that are None are left out."""
    logger.log(level, event, extra={"facts": {k: v for k, v in facts.items() if v is not None}})


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    facts = dict(getattr(record, "facts", {}))
    if (identity := request_id.get()) is not None:
        facts = {"request_id": identity, **facts}
    return facts


class ConsoleFormatter(logging.Formatter):
    """`12:30:01 info request.done status=200 …`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback follows if there is one."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        facts = "".join(f" {name}={_plain(value)}" for name, value in _facts(record).items())
        line = f"{clock} {record.levelname.lower()} {_one_line(record.getMessage())}{facts}"
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; a traceback is its `traceback`."""
        line: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = _one_line(str(value))
    return json.dumps(text) if " " in text else text


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


_EXPECTED = frozenset(
    {
        # A stream that fails after its first byte is broken off on purpose.
        "ASGI callable returned without completing response.",
        # Whoever sends nonsense is told so; it is no concern of ours.
        "Invalid HTTP request received.",
    }
)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return record.msg not in _EXPECTED


def configure_logging(
    form: str, *, level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send all logs to `stream` (default standard error) as `console` or `json` lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else ConsoleFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("auricle").setLevel(level)
    quiet_uvicorn()


def quiet_uvicorn() -> None:
    """Keep uvicorn's own log to what someone should look at."""
    logger = logging.getLogger("uvicorn.error")
    logger.setLevel(logging.WARNING)
    logger.addFilter(_is_worth_a_line)
