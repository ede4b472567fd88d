"""`GET /openapi.json`."""

from starlette.requests import Request
from starlette.responses import Response

from auricle.server.openapi import build_document
from auricle.server.status import encode_json


class OpenApiPage:
    """The endpoint; the document is built once."""

    def __init__(self) -> None:
        self._body = encode_json(build_document())

    async def show(self, _request: Request) -> Response:
        """The document."""
        return Response(self._body, media_type="application/json")
