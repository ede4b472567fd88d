"""`GET /health/live` and `/health/ready`, for machines that start and stop servers."""

import json

from starlette.requests import Request
from starlette.responses import Response

from auricle.errors import Unavailable
from auricle.server.admission import Admission
from auricle.server.service import TranscriptionService

_NOT_READY_RETRY_AFTER_S = 5


class Health:
    """The endpoints."""

    def __init__(self, service: TranscriptionService, admission: Admission) -> None:
        self._service = service
        self._admission = admission

    async def live(self, _request: Request) -> Response:
        """The process serves requests."""
        return _status("live")

    async def ready(self, _request: Request) -> Response:
        """New transcriptions would be accepted and succeed.

        Raises:
            Unavailable: still loading, an engine is lost, or shutting down.
        """
        self._admission.refuse_when_draining()
        if not self._service.is_ready():
            raise Unavailable("the model is not ready yet", retry_after_s=_NOT_READY_RETRY_AFTER_S)
        return _status("ready")


def _status(status: str) -> Response:
    return Response(json.dumps({"status": status}), media_type="application/json")
