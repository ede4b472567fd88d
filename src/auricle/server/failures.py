"""Turns exceptions into answers: the only place where an error becomes HTTP."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auricle.server.feed import ClientLeft
from auricle.server.request_context import record_of
from auricle.server.status import error_response, kind_of, status_of
from auricle.telemetry import RequestRecord

logger = logging.getLogger(__name__)


def note_failure(record: RequestRecord, error: Exception) -> None:
    """Remember what went wrong; what is our fault also gets a log line with its traceback."""
    record.code = type(error).__name__
    if status_of(error) >= 500 and kind_of(error).is_internal:
        logger.error("request.failed", exc_info=error)


class Failures:
    """ASGI middleware around the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and answer with an error if that fails before the first byte.

        After the first byte the answer is left unfinished: the server aborts the connection.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def watched_send(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientLeft:
            record_of(scope).departed = True
        except Exception as error:  # noqa: BLE001 (whatever it is, the client gets an answer)
            note_failure(record_of(scope), error)
            if not has_started:
                await error_response(error)(scope, receive, send)
