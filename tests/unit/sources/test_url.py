"""Fetching from URLs of strangers: what is let through, what is not, and the bounds."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auricle.errors import AuricleError, InvalidRequest, TooLarge, UnreadableAudio
from auricle.sources.spool import Spool
from auricle.sources.url import MAX_REDIRECTS, Fetcher, check_url, resolve
from unit.sources.web_server import WebServer, ok, redirect, web_server

LIMIT = 1000


@pytest.fixture
async def site() -> AsyncIterator[WebServer]:
    async with web_server() as opened:
        yield opened


async def fetched(fetcher: Fetcher, url: str, max_bytes: int = LIMIT) -> bytes:
    async with Spool(max_bytes) as spool:
        await fetcher.fetch(url, spool)
        return spool.path.read_bytes()


def trusting(timeout_s: float = 30) -> Fetcher:
    return Fetcher(timeout_s=timeout_s, allow_private=True)


async def test_downloads(site: WebServer) -> None:
    site.answers["/a.wav?x=%20y"] = ok(b"sound")
    assert await fetched(trusting(), site.url("/a.wav?x=%20y#t=5")) == b"sound"
    head = site.heads[0].lower()
    assert f"host: 127.0.0.1:{site.port}\r\n" in head
    assert "accept-encoding: identity" in head


async def test_downloads_a_chunked_answer(site: WebServer) -> None:
    site.answers["/"] = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nso\r\n3\r\nund\r\n0\r\n\r\n"
    )
    assert await fetched(trusting(), site.url("/")) == b"sound"


async def test_follows_redirects_without_cookies_or_credentials(site: WebServer) -> None:
    site.answers["/a"] = redirect("/b")
    site.answers["/b"] = redirect(site.url("/c"), 307)
    site.answers["/c"] = ok(b"sound")
    assert await fetched(trusting(), site.url("/a")) == b"sound"
    sent = "".join(site.heads).lower()
    assert "cookie" not in sent
    assert "authorization" not in sent
    assert "referer" not in sent


@pytest.mark.parametrize(
    ("n_redirects", "fits"), [(MAX_REDIRECTS, True), (MAX_REDIRECTS + 1, False)]
)
async def test_redirects_are_counted(site: WebServer, n_redirects: int, fits: bool) -> None:
    for i in range(n_redirects):
        site.answers[f"/{i}"] = redirect(f"/{i + 1}")
    site.answers[f"/{n_redirects}"] = ok(b"sound")
    if fits:
        assert await fetched(trusting(), site.url("/0")) == b"sound"
    else:
        with pytest.raises(UnreadableAudio, match="redirects more than 5"):
            await fetched(trusting(), site.url("/0"))


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://x/", "data:,x", "http://ana:pw@x/", "http://", "http://[::1/"],
)
async def test_redirects_are_checked_like_urls(site: WebServer, location: str) -> None:
    site.answers["/"] = redirect(location)
    with pytest.raises(InvalidRequest) as caught:
        await fetched(trusting(), site.url("/"))
    assert caught.value.param == "file_url"


class Names:
    """A resolver that knows these names and counts the questions."""

    def __init__(self, **addresses: list[str]) -> None:
        self._addresses = {name.replace("_", "."): each for name, each in addresses.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self._addresses:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return self._addresses[host]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://0x7f.1:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://0:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::ffff:7f00:1]:{port}/",
        "http://[::]:{port}/",
        "http://\uff11\uff12\uff17.0.0.1:{port}/",  # fullwidth digits
        "http://127\u30020\u30020\u30021:{port}/",  # ideographic full stops
    ],
)
async def test_the_own_machine_is_out_of_reach_in_every_notation(site: WebServer, url: str) -> None:
    site.answers["/"] = ok(b"secret")
    with pytest.raises(AuricleError) as caught:
        await fetched(Fetcher(timeout_s=30), url.format(port=site.port))
    assert site.heads == []
    assert isinstance(caught.value, InvalidRequest)
    assert "127" not in caught.value.message


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "127.0.0.1"], ["fd00::1"], ["::ffff:10.0.0.1"]],
)
async def test_one_address_that_is_not_public_is_enough(addresses: list[str]) -> None:
    fetcher = Fetcher(timeout_s=30, resolve_host=Names(trap_example=addresses))
    with pytest.raises(InvalidRequest, match="not public"):
        await fetched(fetcher, "http://trap.example/")


async def test_a_redirect_to_the_own_machine_is_refused(site: WebServer) -> None:
    """The first hop is let through by an address that only this test calls public."""
    site.answers["/"] = redirect("http://inside.example/")
    names = Names(outside_example=["127.0.0.1"], inside_example=["10.0.0.1"])
    fetcher = Fetcher(
        timeout_s=30, resolve_host=names, is_allowed=lambda address: address == "127.0.0.1"
    )
    with pytest.raises(InvalidRequest, match="not public"):
        await fetched(fetcher, site.url("/", "outside.example"))
    assert names.asked == ["outside.example", "inside.example"]


async def test_the_connection_goes_to_the_checked_address(site: WebServer) -> None:
    """DNS rebinding: the second answer of the resolver would be another one."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    site.answers["/"] = ok(b"sound")
    fetcher = Fetcher(
        timeout_s=30, resolve_host=rebinding, is_allowed=lambda address: address == "127.0.0.1"
    )
    assert await fetched(fetcher, site.url("/", "name.example")) == b"sound"
    assert answers == [["10.0.0.1"]]
    assert f"host: name.example:{site.port}\r\n" in site.heads[0].lower()


async def test_tries_every_address(site: WebServer) -> None:
    site.answers["/"] = ok(b"sound")
    names = Names(name_example=["127.0.0.2", "127.0.0.1"])
    fetcher = Fetcher(timeout_s=30, allow_private=True, resolve_host=names)
    assert await fetched(fetcher, site.url("/", "name.example")) == b"sound"


async def test_proxies_of_the_environment_are_ignored(
    site: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    site.answers["/"] = ok(b"sound")
    assert await fetched(trusting(), site.url("/")) == b"sound"


@pytest.mark.parametrize(("size", "fits"), [(LIMIT, True), (LIMIT + 1, False)])
@pytest.mark.parametrize("is_declared", [True, False])
async def test_size_is_bounded(site: WebServer, size: int, fits: bool, is_declared: bool) -> None:
    length = b"Content-Length: %d\r\n" % size if is_declared else b""
    site.answers["/"] = b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + bytes(size)
    if fits:
        assert len(await fetched(trusting(), site.url("/"))) == size
    else:
        with pytest.raises(TooLarge, match=f"limit of {LIMIT} bytes"):
            await fetched(trusting(), site.url("/"))


async def test_an_endless_answer_stops_at_the_bound(site: WebServer) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(10_000))
            await writer.drain()

    site.answers["/"] = endless
    with pytest.raises(TooLarge):
        await fetched(trusting(), site.url("/"), 100_000)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nso"])
async def test_time_is_bounded(site: WebServer, head: bytes) -> None:
    async def silent(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await asyncio.sleep(60)

    site.answers["/"] = silent
    with pytest.raises(UnreadableAudio, match=r"within 0\.2 s"):
        await fetched(trusting(0.2), site.url("/"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "status 204"),
        (b"HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\nx", "status 206"),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "properly"),
        (b"nonsense\r\n\r\n", "properly"),
        (b"", "properly"),
    ],
)
async def test_answers_without_a_recording(site: WebServer, answer: bytes, reason: str) -> None:
    site.answers["/"] = answer
    with pytest.raises(UnreadableAudio, match=reason):
        await fetched(trusting(), site.url("/"))


async def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(UnreadableAudio, match="could not be reached"):
        await fetched(trusting(), f"http://127.0.0.1:{port}/")


async def test_an_unknown_name() -> None:
    with pytest.raises(UnreadableAudio, match="could not be reached"):
        await fetched(Fetcher(timeout_s=30, resolve_host=Names()), "http://nowhere.example/")


async def test_https_of_a_server_that_speaks_http(site: WebServer) -> None:
    site.answers["/"] = ok(b"sound")
    with pytest.raises(UnreadableAudio):
        await fetched(trusting(), site.url("/").replace("http:", "https:"))


TLS = Path(__file__).parent / "tls"
"""A certificate for name.example, its own authority; made for these tests only."""


@pytest.mark.parametrize(("name", "is_trusted"), [("name.example", True), ("other.example", False)])
async def test_https_is_checked_against_the_name_not_the_address(
    name: str, is_trusted: bool
) -> None:
    asked: list[str | None] = []
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    server_tls.sni_callback = lambda _socket, server_name, _context: asked.append(server_name)
    async with web_server(server_tls) as site:
        site.answers["/"] = ok(b"sound")
        fetcher = Fetcher(
            timeout_s=30,
            allow_private=True,
            resolve_host=Names(**{name.replace(".", "_"): ["127.0.0.1"]}),
            tls=ssl.create_default_context(cafile=TLS / "certificate.pem"),
        )
        url = site.url("/", name).replace("http:", "https:")
        if is_trusted:
            assert await fetched(fetcher, url) == b"sound"
        else:
            with pytest.raises(UnreadableAudio, match="could not be reached"):
                await fetched(fetcher, url)
        assert asked == [name]


async def test_the_systems_resolver_knows_this_machine() -> None:
    assert "127.0.0.1" in await resolve("127.0.0.1", 80)
    assert await resolve("2130706433", 80) == ["127.0.0.1"]


def test_a_data_uri_has_no_length_of_its_own() -> None:
    check_url("data:," + "x" * 100_000)


async def test_cancelling_a_download_closes_it(site: WebServer, tmp_path: Path) -> None:
    is_open = asyncio.Event()
    is_closed = asyncio.Event()

    async def waiting(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()
        is_open.set()
        await writer.wait_closed()
        is_closed.set()

    site.answers["/"] = waiting

    async def work() -> None:
        async with Spool(LIMIT, folder=tmp_path) as spool:
            await trusting().fetch(site.url("/"), spool)

    task = asyncio.create_task(work())
    await is_open.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []
