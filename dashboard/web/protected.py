"""Middleware that refuses all pages of a server that other machines can reach although nothing protects it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.web.paths import has_own_rules
from dashboard.web.refusing import refuse


class Protected:
    """See the module."""

    def __init__(self, app: ASGIApp, refusal: Callable[[int | None], str], base: str = "") -> None:
        """Wraps an application.

        Args:
            refusal: gives why requests at this port are refused; "" if they are not.
            base: path below which Streamlit serves the pages.
        """
        self.app, self.refusal, self.base = app, refusal, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 403."""
        if scope["type"] not in ("http", "websocket") or has_own_rules(scope, self.base):
            await self.app(scope, receive, send)
            return
        server = scope.get("server")
        refusal = await asyncio.to_thread(self.refusal, server[1] if server else None)
        if refusal:
            await refuse(scope, receive, send, PlainTextResponse(f"{refusal}\n", 403))
        else:
            await self.app(scope, receive, send)
