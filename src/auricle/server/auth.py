"""API keys: compared in constant time, asked for at every door."""

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from auricle.errors import NotAuthenticated
from auricle.server.keys import ApiKey, digest_of
from auricle.server.refuse import headers_of, refuse
from auricle.server.request_context import record_of

OPEN_PATHS = frozenset({"/"})
OPEN_PREFIXES = ("/health/", "/static/")
"""What answers without a key: nothing here shows or changes anyone's data."""


class Authentication:
    """ASGI middleware for HTTP and WebSocket: no key, no entry, except on open paths."""

    def __init__(self, app: ASGIApp, keys: list[ApiKey]) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or refuse it with 401."""
        if scope["type"] not in {"http", "websocket"} or not self._keys:
            await self._app(scope, receive, send)
            return
        name = self._owner(scope)
        if name is None and not is_open(scope["path"]):
            await refuse(scope, receive, send, NotAuthenticated("no valid key"))
            return
        record_of(scope).tenant = name or ""
        await self._app(scope, receive, send)

    def _owner(self, scope: Scope) -> str | None:
        headers = headers_of(scope)
        offered = headers.getlist("x-api-key")
        for value in headers.getlist("authorization"):
            scheme, _, credential = value.partition(" ")
            if scheme.lower() == "bearer":
                offered.append(credential.strip())
        owners = [self._name_of(key) for key in offered if key]
        return next(filter(None, owners), None)

    def _name_of(self, key: str) -> str | None:
        digest = digest_of(key)
        found = None
        for known in self._keys:  # all of them: the time must not tell which one came close
            if hmac.compare_digest(known.sha256, digest):
                found = known.name
        return found


def is_open(path: str) -> bool:
    """Whether a path answers without a key."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)
