"""Middleware that leads users back to the page that they asked for when they have logged in with OpenID Connect.

Streamlit leads all of them to the start page.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web.login import own_path
from dashboard.web.paths import OPENID_BEGIN, OPENID_END, prefix_of

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
        self.begin, self.end = prefix + OPENID_BEGIN, prefix + OPENID_END
        self.paths = paths_of(pages, base)

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
        wanted = own_page(request.headers.get("referer", ""), self.paths, self.home)
        cookie = Response()
        cookie.set_cookie(_COOKIE, wanted, max_age=_LASTS_S, path=self.home, httponly=True, samesite="lax")
        headers.append("set-cookie", cookie.headers["set-cookie"])

    def _lead_back(self, request: Request, headers: MutableHeaders) -> None:
        if headers.get("location") == self.home:
            headers["location"] = wanted_page(request, self.paths, self.home)
        cookie = Response()
        cookie.delete_cookie(_COOKIE, self.home, httponly=True, samesite="lax")
        headers.append("set-cookie", cookie.headers["set-cookie"])


def wanted_page(request: Request, paths: Collection[str], home: str) -> str:
    """The address at which the log-in began that this request ends, see `own_page`."""
    return own_page(request.cookies.get(_COOKIE, ""), paths, home)


def own_page(address: str, paths: Collection[str], home: str) -> str:
    """The path and the query of an address if it is one of these paths of this server, else the start page.

    The host does not matter: a page of another site can only choose a page here, as with a link.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return home
    wanted = parts.path + (f"?{parts.query}" if parts.query else "")
    fits = parts.path in paths and wanted.isascii() and len(wanted) <= _LONGEST
    return own_path(wanted, home) if fits else home


def paths_of(pages: Sequence[str], base: str) -> set[str]:
    """The paths at which these pages and the first one are served. `base`: path below which Streamlit serves them."""
    return {f"{prefix_of(base)}/{page}" for page in ("", *pages)}
