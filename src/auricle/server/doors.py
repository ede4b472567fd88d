"""Which hosts and origins may speak to the server, before any key is looked at.

Without keys a web page could reach a local server through DNS rebinding: its host name then
resolves to this machine. So an open server answers only to host names it knows. Pages of other
origins are refused, keys or not, unless their origin is listed.
"""

from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auricle.errors import NotAllowed
from auricle.server.refuse import headers_of, refuse

ALLOWED_METHODS = "GET, POST, DELETE, OPTIONS"
EXPOSED_HEADERS = "x-request-id, retry-after"
PREFLIGHT_AGE_S = 600
DEFAULT_PORTS = {"http": 80, "https": 443}


def host_name(authority: str) -> str:
    """The host of a `Host` header, in lower case, without its port; IPv6 keeps its brackets."""
    if authority.startswith("["):
        return authority.partition("]")[0].lower() + "]"
    return authority.partition(":")[0].lower()


class HostCheck:
    """ASGI middleware: refuses host names that are not listed; `*` lists all."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str]) -> None:
        self._app = app
        self._allowed = {host_name(each) for each in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or refuse it with 403. Probes ask by address: they pass."""
        if scope["type"] in {"http", "websocket"} and not scope["path"].startswith("/health/"):
            names = [host_name(each) for each in headers_of(scope).getlist("host")]
            if "*" not in self._allowed and (len(names) != 1 or names[0] not in self._allowed):
                problem = NotAllowed(
                    "this host name is not allowed; a server without keys answers only to the "
                    "names in the setting allowed_hosts"
                )
                await refuse(scope, receive, send, problem)
                return
        await self._app(scope, receive, send)


class CrossOrigin:
    """ASGI middleware: refuses foreign origins, serves listed ones; `*` lists all."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = {origin.rstrip("/").lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, answer a preflight, or refuse with 403."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        origin = headers.get("origin")
        if origin is None or _is_same_origin(origin, headers.get("host", "")):
            await self._app(scope, receive, send)
        elif "*" not in self._origins and origin.lower() not in self._origins:
            problem = NotAllowed("this origin is not allowed; list it in the setting cors_origins")
            await refuse(scope, receive, send, problem)
        elif scope["type"] == "http" and _is_preflight(scope, headers):
            await _preflight(headers)(scope, receive, _with_cors(send, origin))
        else:
            await self._app(scope, receive, _with_cors(send, origin))


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed lazily
    except ValueError:
        return None
    return parts


def _is_same_origin(origin: str, host: str) -> bool:
    # The scheme is not compared: behind a proxy that ends TLS ours is http, the page's https.
    page = _split(origin)
    ours = _split(f"//{host}")
    if page is None or ours is None or not page.hostname:
        return False
    port = DEFAULT_PORTS.get(page.scheme)
    return page.hostname == ours.hostname and (page.port or port) == (ours.port or port)


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _preflight(headers: Headers) -> Response:
    return Response(
        status_code=204,
        headers={
            "access-control-allow-methods": ALLOWED_METHODS,
            "access-control-allow-headers": headers.get("access-control-request-headers", "*"),
            "access-control-max-age": str(PREFLIGHT_AGE_S),
        },
    )


def _with_cors(send: Send, origin: str) -> Send:
    async def send_with_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra = [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-expose-headers", EXPOSED_HEADERS.encode()),
                (b"vary", b"origin"),
            ]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return send_with_cors
