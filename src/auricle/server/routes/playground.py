"""`GET /` and its files: the playground, built from `web/` and shipped with the package.

All of it is in memory, plain and compressed: a few files, known when the server starts, so no
path of a request ever reaches the file system. File names hold a hash of the content.
"""

import gzip
import mimetypes
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response

from auricle.errors import NotFound

STATIC = "/static/"
PAGE = "index.html"
NONCE = b"__NONCE__"
"""Stands in the page where the nonce of an answer goes: wavesurfer.js makes a style element."""
CACHE_FOR_EVER = "public, max-age=31536000, immutable"
LEAST_COMPRESSED_BYTES = 1024

mimetypes.add_type("font/woff2", ".woff2")


def _policy(nonce: str) -> str:
    """What the page may load: this server, and what the user gave to it."""
    return (
        "default-src 'none'; script-src 'self'; connect-src 'self'; font-src 'self'; "
        f"img-src 'self'; media-src 'self' blob:; style-src 'self' 'nonce-{nonce}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; `compressed` is None where gzip gains nothing."""

    content: bytes
    compressed: bytes | None
    media_type: str

    @classmethod
    def read(cls, file: Traversable) -> "Asset":
        """Read and compress a file."""
        content = file.read_bytes()
        packed = gzip.compress(content, 9, mtime=0)
        is_worth_it = len(content) >= LEAST_COMPRESSED_BYTES and len(packed) < 0.9 * len(content)
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return cls(content, packed if is_worth_it else None, media_type)

    def answer(self, request: Request) -> Response:
        """The file, compressed for whoever takes that."""
        headers = {"cache-control": CACHE_FOR_EVER, "vary": "accept-encoding"}
        content = self.content
        if self.compressed is not None and takes_gzip(request):
            content = self.compressed
            headers["content-encoding"] = "gzip"
        return Response(content, media_type=self.media_type, headers=headers)


def takes_gzip(request: Request) -> bool:
    """Whether the client accepts gzip."""
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


class Playground:
    """The endpoints. `folder` holds the built files; without them `/` says what is missing."""

    def __init__(
        self,
        folder: Traversable | None = None,
        *,
        new_nonce: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        folder = folder or files("auricle.server") / "playground"
        self._new_nonce = new_nonce
        page = folder / PAGE
        self._page = page.read_bytes() if page.is_file() else None
        assets = folder / "static"
        self.assets = (
            {f"{STATIC}{file.name}": Asset.read(file) for file in assets.iterdir()}
            if assets.is_dir()
            else {}
        )

    async def page(self, _request: Request) -> Response:
        """The page.

        Raises:
            NotFound: this copy of Auricle was packed without it.
        """
        if self._page is None:
            raise NotFound("the playground is not built: run `make web`")
        nonce = self._new_nonce()
        headers = {
            "cache-control": "no-cache",
            "content-security-policy": _policy(nonce),
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "microphone=(self), camera=(), geolocation=()",
        }
        content = self._page.replace(NONCE, nonce.encode())
        return Response(content, media_type="text/html", headers=headers)

    async def asset(self, request: Request) -> Response:
        """A file of the page.

        Raises:
            NotFound: there is no such file.
        """
        asset = self.assets.get(request.url.path)
        if asset is None:
            raise NotFound("no such path")
        return asset.answer(request)
