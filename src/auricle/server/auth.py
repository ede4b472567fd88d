"""API keys: read from settings, compared in constant time, asked for at every door."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from auricle.errors import NotAuthenticated, SettingsError
from auricle.server.refuse import headers_of, refuse
from auricle.server.request_context import record_of

OPEN_PATHS = frozenset({"/"})
OPEN_PREFIXES = ("/health/", "/static/")
"""What answers without a key: nothing here shows or changes anyone's data."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: never the text itself. `name` owns what the key creates."""

    name: str
    sha256: bytes


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def parse_keys(text: str) -> list[ApiKey]:
    """Keys from `key` or `name=key`, separated by commas.

    A nameless key is named by the beginning of its digest, so that its owner stays the same.

    Raises:
        SettingsError: a name or a key is empty.
    """
    keys = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, separator, key = entry.partition("=")
        if not key.strip("="):  # a nameless key, perhaps with the padding of base64
            name, separator, key = "", "", entry
        if separator and not name:
            raise SettingsError("api_keys: an entry has an empty name before `=`", param="api_keys")
        digest = _digest(key)
        keys.append(ApiKey(name or f"key-{digest.hex()[:8]}", digest))
    return keys


def read_keys_file(path: Path) -> list[ApiKey]:
    """Keys from a file of `name:sha256` lines; empty lines and `#` comments are skipped.

    Raises:
        SettingsError: the file cannot be read or a line has another form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"keys_file {path} cannot be read: {error}", param="keys_file"
        ) from error
    keys = []
    for number, line in enumerate(lines, start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        name, _, digest = entry.rpartition(":")
        if not name or not _SHA256.fullmatch(digest.lower()):
            raise SettingsError(
                f"keys_file {path} line {number}: expected `name:sha256 of the key in hex`",
                param="keys_file",
            )
        keys.append(ApiKey(name, bytes.fromhex(digest)))
    return keys


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
        digest = _digest(key)
        found = None
        for known in self._keys:  # all of them: the time must not tell which one came close
            if hmac.compare_digest(known.sha256, digest):
                found = known.name
        return found


def is_open(path: str) -> bool:
    """Whether a path answers without a key."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)
