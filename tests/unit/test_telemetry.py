"""Log lines and metrics."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from auricle import telemetry
from auricle.server.metrics import Metrics
from auricle.telemetry import ConsoleFormatter, RequestRecord

logger = logging.getLogger("auricle.test")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("auricle").level
    yield io.StringIO()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    logging.getLogger("auricle").setLevel(before[2])


def test_json_lines(stream: io.StringIO) -> None:
    telemetry.configure_logging("json", stream=stream)
    token = telemetry.request_id.set("abc")
    telemetry.log(logger, logging.INFO, "request.done", status=200, model=None, rtf=0.25)
    telemetry.request_id.reset(token)
    telemetry.log(logger, logging.DEBUG, "not.shown")
    line = json.loads(stream.getvalue())
    assert line.pop("time") > 0
    assert line == {
        "level": "info",
        "logger": "auricle.test",
        "event": "request.done",
        "request_id": "abc",
        "status": 200,
        "rtf": 0.25,
    }


def test_console_lines(stream: io.StringIO) -> None:
    telemetry.configure_logging("console", stream=stream)
    telemetry.log(logger, logging.WARNING, "worker.lost", pid=5, why="it was killed", after_s=1.5)
    line = stream.getvalue()
    assert line.endswith(' warning worker.lost pid=5 why="it was killed" after_s=1.500\n')


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_fact_cannot_forge_a_line(stream: io.StringIO, form: str) -> None:
    telemetry.configure_logging(form, stream=stream)
    telemetry.log(logger, logging.INFO, "request.done", model="a\n12:00:00 error forged\r")
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("form", ["json", "console"])
def test_tracebacks_are_kept(stream: io.StringIO, form: str) -> None:
    telemetry.configure_logging(form, stream=stream)
    logger.error("request.failed", exc_info=ValueError("because"))
    assert "ValueError: because" in stream.getvalue()


def test_an_abort_on_purpose_is_no_line(stream: io.StringIO) -> None:
    telemetry.configure_logging("console", stream=stream)
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.error("ASGI callable returned without completing response.")
    uvicorn.error("something else")
    assert "something else" in stream.getvalue()
    assert "without completing" not in stream.getvalue()


def test_configuring_twice_does_not_repeat_lines(stream: io.StringIO) -> None:
    telemetry.configure_logging("console", stream=stream)
    telemetry.configure_logging("console", stream=stream)
    telemetry.log(logger, logging.INFO, "once")
    assert stream.getvalue().count("once") == 1


def test_the_formatter_escapes_line_ends_of_foreign_messages() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "a\nb", None, None)
    assert "\n" not in ConsoleFormatter().format(record)


def test_a_request_is_counted_once_by_its_route() -> None:
    metrics = Metrics()
    record = RequestRecord("POST", route="/r", status=200, model="m", audio_s=10.0)
    record.timings = {"inference": 0.5}
    metrics.observe(record, 2.0)
    value = metrics.registry.get_sample_value
    assert value("auricle_requests_total", {"method": "POST", "route": "/r", "status": "200"}) == 1
    assert value("auricle_audio_seconds_total", {"model": "m"}) == 10
    assert value("auricle_step_seconds_sum", {"step": "inference"}) == 0.5
    assert value("auricle_real_time_factor_sum") == 0.2


def test_a_departed_client_is_no_status() -> None:
    metrics = Metrics()
    metrics.observe(RequestRecord("POST", route="/r", departed=True), 2.0)
    labels = {"method": "POST", "route": "/r", "status": "departed"}
    assert metrics.registry.get_sample_value("auricle_requests_total", labels) == 1
    assert metrics.registry.get_sample_value("auricle_departed_clients_total") == 1


def test_gauges_are_read_when_asked_for() -> None:
    current = {"queue_length": 1.0}
    metrics = Metrics(lambda: current)
    current["queue_length"] = 7.0
    assert metrics.registry.get_sample_value("auricle_queue_length") == 7
