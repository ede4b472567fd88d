"""The outermost layer: request id, security headers, the log line and the metrics."""

import logging
import time
from collections.abc import Callable
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auricle import telemetry
from auricle.server.exchange import Exchange
from auricle.server.metrics import Metrics
from auricle.telemetry import RequestRecord

logger = logging.getLogger(__name__)

SECURITY_HEADERS = (  # an answer that sets one of them itself keeps its own
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by machines: their log line is a debug line."""


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})


def _label(method: str) -> str:
    """The method as a label; clients may invent any number of them."""
    return method if method in METHODS else "other"


def _new_id() -> str:
    return uuid4().hex


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request that `scope` belongs to."""
    record: RequestRecord = scope["auricle.record"]
    return record


class RequestContext:
    """ASGI middleware; an id from outside is not taken over."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, *, new_id: Callable[[], str] = _new_id
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        identity = self._new_id()
        token = telemetry.request_id.set(identity)
        record = RequestRecord(_label(scope.get("method", "WEBSOCKET")))
        scope = {**scope, "auricle.record": record, "auricle.request_id": identity}
        try:
            if scope["type"] == "http":
                await self._serve(scope, receive, send, record)
            else:
                await self._app(scope, receive, _with_id(send, identity))
        finally:
            telemetry.request_id.reset(token)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, record: RequestRecord
    ) -> None:
        started = time.perf_counter()
        exchange = Exchange(scope, receive, _with_id(send, scope["auricle.request_id"]))
        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, exchange.receive, exchange.send)
            finally:
                record.status = exchange.status
                record.received_bytes = exchange.received_bytes
                record.departed = exchange.departed
                self._report(record, time.perf_counter() - started)

    def _report(self, record: RequestRecord, elapsed_s: float) -> None:
        self._metrics.observe(record, elapsed_s)
        quiet = record.route in QUIET_ROUTES and (record.status or 500) < 500
        telemetry.log(
            logger,
            logging.DEBUG if quiet else logging.INFO,
            "request.done",
            status=record.status,
            method=record.method,
            route=record.route,
            tenant=record.tenant or None,
            model=record.model,
            audio_s=record.audio_s,
            elapsed_s=elapsed_s,
            rtf=elapsed_s / record.audio_s if record.audio_s else None,
            bytes=record.received_bytes,
            error=record.code,
            departed=record.departed or None,
            **{f"{step}_s": seconds for step, seconds in record.timings.items()},
        )


def _with_id(send: Send, identity: str) -> Send:
    extra = [*SECURITY_HEADERS, (b"x-request-id", identity.encode())]

    async def send_with_id(message: Message) -> None:
        if message["type"] in {
            "http.response.start",
            "websocket.http.response.start",
            "websocket.accept",
        }:
            own = message.get("headers", [])
            names = {name for name, _ in own}
            added = [header for header in extra if header[0] not in names]
            message = {**message, "headers": [*own, *added]}
        await send(message)

    return send_with_id
