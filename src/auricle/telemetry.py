"""Logging set-up, what is remembered of a request, and the metrics of a running server.

A log line is a short constant (`request.done`) and facts. No audio, transcript, prompt, file
name or key is ever a fact.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is served by the current task."""

SECONDS_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
RTF_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


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


class _GaugeSource(Collector):
    def __init__(self, read: Callable[[], Mapping[str, float]]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, value in self._read().items():
            yield GaugeMetricFamily(f"auricle_{name}", f"Current {name}.", value=value)


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self, gauges: Callable[[], Mapping[str, float]] = dict) -> None:
        self.registry = CollectorRegistry()
        if gauges is not dict:
            self.registry.register(_GaugeSource(gauges))
        self.requests = Counter(
            "auricle_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "auricle_request_seconds",
            "Time from a request's head to the end of its answer.",
            ("method", "route"),
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.errors = Counter(
            "auricle_errors", "Requests refused or failed.", ("code",), registry=self.registry
        )
        self.departed = Counter(
            "auricle_departed_clients",
            "Clients that left before their answer was complete.",
            registry=self.registry,
        )
        self.received_bytes = Counter(
            "auricle_received_bytes", "Bytes of request bodies.", registry=self.registry
        )
        self.audio_seconds = Counter(
            "auricle_audio_seconds",
            "Seconds of audio transcribed.",
            ("model",),
            registry=self.registry,
        )
        self.step_seconds = Histogram(
            "auricle_step_seconds",
            "Time a transcription spent in a step.",
            ("step",),
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.rtf = Histogram(
            "auricle_real_time_factor",
            "Processing time divided by audio time.",
            buckets=RTF_BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "auricle_requests_in_flight", "Requests being served.", registry=self.registry
        )

    def observe(self, record: RequestRecord, elapsed_s: float) -> None:
        """Count a finished request; `elapsed_s` is from its head to the end of its answer."""
        status = "departed" if record.departed else str(record.status)
        self.requests.labels(record.method, record.route, status).inc()
        self.request_seconds.labels(record.method, record.route).observe(elapsed_s)
        self.received_bytes.inc(record.received_bytes)
        if record.departed:
            self.departed.inc()
        if record.code is not None:
            self.errors.labels(record.code).inc()
        for step, seconds in record.timings.items():
            self.step_seconds.labels(step).observe(seconds)
        if record.audio_s is not None and record.model is not None:
            self.audio_seconds.labels(record.model).inc(record.audio_s)
            if record.audio_s > 0:
                self.rtf.observe(elapsed_s / record.audio_s)
