"""Refuses requests and WebSocket connections."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

POLICY_VIOLATION = 1008  # https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1


async def refuse(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Answers a request with this response. A WebSocket connection, which cannot have one, is closed."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
    else:
        await response(scope, receive, send)
