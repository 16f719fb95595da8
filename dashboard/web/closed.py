"""Addresses of Streamlit that nobody needs here."""

from __future__ import annotations

from collections.abc import Collection

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

METRICS = "/_stcore/metrics"  # tells everyone how many sessions there are and what they hold


class Closed:
    """Middleware that answers 404 to these paths, whatever stands before them."""

    def __init__(self, app: ASGIApp, paths: Collection[str] = (METRICS,)) -> None:
        self.app = app
        self.paths = tuple(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 404."""
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith(self.paths):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        await self.app(scope, receive, send)
