"""Puts the server together: settings and a service in, an ASGI application out."""

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from auricle.errors import NotFound
from auricle.server.admission import Admission
from auricle.server.auth import Authentication
from auricle.server.doors import CrossOrigin, HostCheck
from auricle.server.failures import Failures
from auricle.server.keys import check_exposure, read_keys
from auricle.server.metrics import Metrics
from auricle.server.rate import RateLimit
from auricle.server.refuse import refuse
from auricle.server.request_context import RequestContext, record_of
from auricle.server.routes.health import Health
from auricle.server.routes.metrics import MetricsPage
from auricle.server.routes.models import Models
from auricle.server.routes.openapi import OpenApiPage
from auricle.server.routes.playground import STATIC, Playground
from auricle.server.routes.transcriptions import Transcriptions
from auricle.server.service import TranscriptionService
from auricle.server.sse import Pace
from auricle.server.wire.body import BodyLimits
from auricle.settings import Settings
from auricle.sources.url import Fetcher


def _admission(settings: Settings) -> Admission:
    per_minute = settings.requests_per_minute
    return Admission(
        settings.max_requests,
        max_per_tenant=settings.max_requests_per_key,
        rate=None if per_minute is None else RateLimit(per_minute),
    )


class LabelledRoute(Route):
    """A route that names itself in the request's record: logs and metrics show no raw paths."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request that matches."""
        record_of(scope).route = self.path_format
        await super().handle(scope, receive, send)


class Application:
    """The ASGI application. Owner of the permits and the metrics.

    Attributes:
        admission: whoever ends the server drains it first.
        metrics: of this server.
        routes: all of them.
    """

    def __init__(
        self, service: TranscriptionService, settings: Settings, fetcher: Fetcher, pace: Pace
    ) -> None:
        self.admission = _admission(settings)
        self.metrics = Metrics(
            lambda: {**service.gauges(), "transcriptions_in_work": self.admission.in_use}
        )
        self.routes = self._routes(service, settings, fetcher, pace)
        self._app = self._layers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope."""
        await self._app({**scope, "app": self}, receive, send)

    def _routes(
        self, service: TranscriptionService, settings: Settings, fetcher: Fetcher, pace: Pace
    ) -> list[BaseRoute]:
        transcriptions = Transcriptions(
            service=service,
            admission=self.admission,
            limits=BodyLimits(settings.max_upload_bytes),
            request_timeout_s=settings.request_timeout_s,
            fetcher=fetcher,
            pace=pace,
        )
        models = Models(service)
        health = Health(service, self.admission)
        playground = Playground()
        return [
            LabelledRoute("/", playground.page, include_in_schema=False),
            LabelledRoute(f"{STATIC}{{name}}", playground.asset, include_in_schema=False),
            LabelledRoute("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
            LabelledRoute("/v1/models", models.list),
            LabelledRoute("/v1/models/{model_id:path}", models.retrieve),
            LabelledRoute("/health/live", health.live),
            LabelledRoute("/health/ready", health.ready),
            LabelledRoute("/metrics", MetricsPage(self.metrics).show),
            LabelledRoute("/openapi.json", OpenApiPage().show),
        ]

    def _layers(self, settings: Settings) -> ASGIApp:
        keys = read_keys(settings)
        app: ASGIApp = Router(self.routes, redirect_slashes=False, default=_not_found)
        app = Draining(app, self.admission)
        app = Failures(app)
        app = Authentication(app, keys)
        app = CrossOrigin(app, settings.cors_origins)
        if not keys:
            app = HostCheck(app, [*settings.allowed_hosts, settings.host])
        return RequestContext(app, self.metrics)


class Draining:
    """ASGI middleware: new requests are turned away while the server shuts down."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or refuse it with 503; probes are always answered."""
        if not scope["path"].startswith("/health/"):
            self._admission.refuse_when_draining()
        await self._app(scope, receive, send)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    problem = NotFound("no such path")
    if scope["type"] == "websocket":
        await refuse(scope, receive, send, problem)
        return
    raise problem


def create_app(
    service: TranscriptionService,
    settings: Settings,
    *,
    fetcher: Fetcher | None = None,
    pace: Pace | None = None,
) -> Application:
    """The application for a service.

    Args:
        service: the runtime.
        settings: of the whole server.
        fetcher: downloads `file_url`; default one made from the settings.
        pace: of streams.

    Raises:
        SettingsError: it would serve strangers without keys, or keys cannot be read.
    """
    check_exposure(settings)
    fetcher = fetcher or Fetcher(
        timeout_s=settings.fetch_timeout_s, allow_private=settings.allow_private_urls
    )
    return Application(service, settings, fetcher, pace or Pace())
