"""Middleware of a server that cannot start its pages and its API: it answers everything with the reason."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.web.refusing import refuse


class Off:
    """See the module."""

    def __init__(self, app: ASGIApp, reason: str) -> None:
        """Wraps an application. `reason`: what is broken and how to mend it, in sentences."""
        self.app, self.text = app, f"The dashboard is off. {reason}\n"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 503 with the reason."""
        if scope["type"] in ("http", "websocket"):
            await refuse(scope, receive, send, PlainTextResponse(self.text, 503, {"Cache-Control": "no-store"}))
        else:
            await self.app(scope, receive, send)
