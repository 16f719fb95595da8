"""Addresses of Streamlit that nobody needs here."""

from __future__ import annotations

from collections.abc import Collection

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

METRICS = "/_stcore/metrics"  # tells everyone how many sessions there are and what they hold
AGENT = "/_stcore/agent/"  # lets programs use the pages; there is an HTTP API for them


class Closed:
    """Middleware that answers 404 to these paths, and to what lies below those that end in a slash.

    They are also found below a base path of Streamlit.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str] = (METRICS, AGENT)) -> None:
        self.app = app
        self.paths = tuple(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 404."""
        if scope["type"] == "http" and self._is_closed(scope["path"]):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_closed(self, path: str) -> bool:
        path = f"{path.rstrip('/')}/"
        return any(each in path if each.endswith("/") else path.endswith(f"{each}/") for each in self.paths)
