"""Turning a request away, be it HTTP or a WebSocket handshake."""

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from auricle.server.request_context import record_of
from auricle.server.status import error_response


async def refuse(scope: Scope, receive: Receive, send: Send, error: Exception) -> None:
    """Answer with the error; a handshake is denied with the same status and body if it can be."""
    record_of(scope).code = type(error).__name__
    response = error_response(error)
    if scope["type"] == "http":
        await response(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await response(scope, receive, send)  # starlette speaks the denial extension itself
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": ""})


def headers_of(scope: Scope) -> Headers:
    """The request's headers, by name."""
    return Headers(scope=scope)
