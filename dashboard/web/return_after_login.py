"""Middleware that leads users back to the page that they asked for when they have logged in with OpenID Connect.

Streamlit leads all of them to the start page.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web.login import own_path
from dashboard.web.paths import prefix_of

_BEGIN, _END = "/auth/login", "/oauth2callback"  # of Streamlit
_COOKIE = "dashboard_wanted"
_LASTS_S = 600
_LONGEST = 3000  # characters; browsers refuse a cookie of more than 4096 bytes


class ReturnAfterLogin:
    """Keeps the address at which a log-in begins in a cookie until the log-in ends."""

    def __init__(self, app: ASGIApp, pages: Sequence[str], base: str = "") -> None:
        """Wraps an application.

        Args:
            pages: names of the pages besides the first one. A log-in leads to no other address.
            base: path below which Streamlit serves the pages.
        """
        prefix = prefix_of(base)
        self.app, self.home = app, f"{prefix}/"
        self.begin, self.end = prefix + _BEGIN, prefix + _END
        self.paths = {self.home, *(f"{prefix}/{page}" for page in pages)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on. If a log-in begins or ends, changes the headers of the answer."""
        if scope["type"] != "http" or scope["path"] not in (self.begin, self.end):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        change = self._keep if scope["path"] == self.begin else self._lead_back

        async def send_changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                change(request, MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, send_changed)

    def _keep(self, request: Request, headers: MutableHeaders) -> None:
        wanted = self._own(request.headers.get("referer", ""))
        cookie = Response()
        cookie.set_cookie(_COOKIE, wanted, max_age=_LASTS_S, path=self.home, httponly=True, samesite="lax")
        headers.append("set-cookie", cookie.headers["set-cookie"])

    def _lead_back(self, request: Request, headers: MutableHeaders) -> None:
        if headers.get("location") == self.home:
            headers["location"] = self._own(request.cookies.get(_COOKIE, ""))
        cookie = Response()
        cookie.delete_cookie(_COOKIE, self.home, httponly=True, samesite="lax")
        headers.append("set-cookie", cookie.headers["set-cookie"])

    def _own(self, address: str) -> str:
        """The path and the query of an address if they lead to a page of this server, else the start page.

        The host does not matter: a page of another site can only choose a page here, as with a link.
        """
        try:
            parts = urlsplit(address)
        except ValueError:
            return self.home
        wanted = parts.path + (f"?{parts.query}" if parts.query else "")
        fits = parts.path in self.paths and wanted.isascii() and len(wanted) <= _LONGEST
        return own_path(wanted, self.home) if fits else self.home
