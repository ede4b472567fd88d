"""Fetches a recording from a URL that a stranger chose.

Every name is resolved here, every address it resolves to is checked, and the connection goes to
a checked address, so that a second look-up cannot change it (DNS rebinding). Odd notations of
an address (decimal, octal, hexadecimal) are names to us: what they resolve to is checked.
Redirects are followed one by one through the same door. Proxies of the environment, cookies
and credentials take no part.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import httpx

from auricle.errors import InvalidRequest, UnreadableAudio
from auricle.sources.addresses import is_public
from auricle.sources.data_uri import is_data_uri
from auricle.sources.spool import Spool

MAX_URL_LENGTH = 2083
MAX_REDIRECTS = 5
CONNECT_TIMEOUT_S = 10.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
USER_AGENT = b"auricle"

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Resolves a host name and a port to IP addresses, or raises OSError."""


class _Refused(Exception):
    """The address is not public."""


def check_url(url: str) -> None:
    """Whether a `file_url` may be tried at all; what it resolves to is checked when fetching.

    Raises:
        InvalidRequest: the scheme, the length or the form is wrong.
    """
    if is_data_uri(url):
        return
    if len(url) > MAX_URL_LENGTH:
        raise _bad(f"file_url is over the limit of {MAX_URL_LENGTH} characters")
    _parse(url)


def _bad(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="file_url")


def _parse(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise _bad("file_url is not a URL") from error
    if parsed.scheme not in {"http", "https"}:
        raise _bad("file_url must be an http:, https: or data: URL")
    if not parsed.host:
        raise _bad("file_url has no host")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise _bad("file_url has an impossible port")
    if parsed.userinfo:
        raise _bad("file_url must not hold a user name or password")
    return parsed


def _joined(url: httpx.URL, location: str) -> httpx.URL:
    try:
        return _parse(str(url.join(location)))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise _bad("file_url redirects to something that is not a URL") from error


async def resolve(host: str, port: int) -> list[str]:
    """The system's own resolution."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, resolve_host: Resolve, is_allowed: Callable[[str], bool]) -> None:
        self._resolve = resolve_host
        self._is_allowed = is_allowed
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the interface's)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._checked(host.strip("[]"), port)
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the host name cannot be resolved") from error
        if not all(map(self._is_allowed, addresses)):
            raise _Refused
        return addresses

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 (the interface's)
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise _Refused

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Fetcher:
    """Downloads recordings within bounds.

    Args:
        timeout_s: the longest a download may take, redirects included.
        allow_private: fetch from private and loopback addresses too.
        resolve_host: how names are resolved.
        is_allowed: which addresses may be connected to, unless private ones are allowed.
        tls: trust for https; default the usual certificate authorities.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        allow_private: bool = False,
        resolve_host: Resolve = resolve,
        is_allowed: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._backend = _PinnedBackend(
            resolve_host, (lambda _: True) if allow_private else is_allowed
        )
        self._tls = tls

    async def fetch(self, url: str, spool: Spool) -> None:
        """Download into the spool, whose bound is the limit of size.

        Raises:
            InvalidRequest: the URL, or one it redirects to, must not be fetched.
            UnreadableAudio: nothing could be fetched there.
            TooLarge: it is over the spool's bound.
        """
        timer = asyncio.timeout(self._timeout_s)
        try:
            async with timer:
                await self._follow(_parse(url), spool)
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise _unfetched(f"did not arrive within {self._timeout_s:g} s") from error
        except _Refused as error:
            raise _bad("file_url leads to an address that is not public") from error
        except (httpcore.TimeoutException, httpcore.NetworkError, ssl.SSLError) as error:
            raise _unfetched("could not be reached") from error
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise _unfetched("was not answered properly") from error

    async def _follow(self, url: httpx.URL, spool: Spool) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            async with self._get(url) as response:
                location = _header(response, b"location")
                if response.status not in REDIRECTS or location is None:
                    await _save(response, spool)
                    return
                url = _joined(url, location)
        raise _unfetched(f"redirects more than {MAX_REDIRECTS} times")

    @asynccontextmanager
    async def _get(self, url: httpx.URL) -> AsyncIterator[httpcore.Response]:
        if url.scheme == "https" and self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        # A pool of one connection a request: no connection outlives the check of its address.
        async with httpcore.AsyncConnectionPool(
            ssl_context=self._tls, max_connections=1, network_backend=self._backend
        ) as pool:
            target = httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            )
            headers = [
                (b"host", url.netloc),
                (b"user-agent", USER_AGENT),
                (b"accept", b"*/*"),
                (b"accept-encoding", b"identity"),
            ]
            timeouts = {
                "connect": CONNECT_TIMEOUT_S,
                "read": self._timeout_s,
                "write": self._timeout_s,
                "pool": self._timeout_s,
            }
            async with pool.stream(
                "GET", target, headers=headers, extensions={"timeout": timeouts}
            ) as response:
                yield response


def _unfetched(what: str) -> UnreadableAudio:
    return UnreadableAudio(f"the recording at file_url {what}", param="file_url")


def _header(response: httpcore.Response, name: bytes) -> str | None:
    for key, value in response.headers:
        if key.lower() == name:
            return value.decode("latin-1")
    return None


async def _save(response: httpcore.Response, spool: Spool) -> None:
    if response.status != 200:
        raise _unfetched(f"was answered with status {response.status}")
    length = _header(response, b"content-length") or ""
    if length.isdecimal():
        spool.expect(int(length))
    async for chunk in response.aiter_stream():
        spool.append(chunk)
        await spool.settle()
    await spool.flush()
