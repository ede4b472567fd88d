"""The metrics of a running server."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from auricle.telemetry import RequestRecord

SECONDS_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
RTF_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


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
