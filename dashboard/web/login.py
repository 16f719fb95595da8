"""Middleware that asks for the shared password before it serves the pages, their files and their connections."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web.hosts import names_host
from dashboard.web.login_page import login_page, logout_page
from dashboard.web.paths import HOST_CONFIG, LOGIN, LOGOUT, has_own_rules, prefix_of
from dashboard.web.refusing import POLICY_VIOLATION, refuse

_LONGEST_FORM = 16_384  # bytes
_NO_STORE = {"Cache-Control": "no-store"}
_UNSAFE = re.compile(r"[\x00-\x20\\\x7f]")


@dataclass(frozen=True)
class Authenticator:
    """What the middleware needs to know from the dashboard."""

    is_asked: Callable[[], bool]  # whether there is a password. Raises an exception if that cannot be found out
    refusal: Callable[[str, str], str]  # of a password and a client's address: why it is refused, or ""
    give: Callable[[], str]  # a new log-in
    is_valid: Callable[[str], bool]  # whether this is a log-in that still counts
    end: Callable[[str], None]  # lets a log-in count no more
    cookie_name: Callable[[], str]
    lasts_s: int


class Login:
    """See the module. The API and the health check have rules of their own."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, base: str = "") -> None:
        """Wraps an application.

        Args:
            base: path below which Streamlit serves the pages.
        """
        self.app, self.authenticator, self.base = app, authenticator, base
        self.prefix = prefix_of(base)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or asks for the password."""
        if scope["type"] not in ("http", "websocket") or has_own_rules(scope, self.base):
            await self.app(scope, receive, send)
            return
        try:
            asked = self.authenticator.is_asked()
            logged_in = asked and self._is_logged_in(scope)
        except Exception as error:  # nobody comes in while the password cannot be read
            await refuse(scope, receive, send, PlainTextResponse(f"{error}\n", 503, _NO_STORE))
            return
        is_login_or_logout = scope["type"] == "http" and scope["path"] in (self.prefix + LOGIN, self.prefix + LOGOUT)
        if is_login_or_logout:
            await (await self._login_or_logout(Request(scope, receive), asked, logged_in))(scope, receive, send)
        elif not asked:
            await self.app(scope, receive, send)
        elif logged_in:
            if scope["type"] == "websocket":
                receive = while_logged_in(receive, send, lambda: self._still(scope))
            await self.app(scope, receive, send)
        else:
            await refuse(scope, receive, send, self._stop(scope))

    def _is_logged_in(self, scope: Scope) -> bool:
        return self.authenticator.is_valid(self._cookie(scope))

    def _cookie(self, scope: Scope) -> str:
        return cookies_of(scope).get(self.authenticator.cookie_name(), "")

    def _still(self, scope: Scope) -> bool:
        try:
            return not self.authenticator.is_asked() or self._is_logged_in(scope)
        except Exception:
            return False

    def _stop(self, scope: Scope) -> Response:
        """A browser that opens a page is sent to the login page; whatever else asks is told that it may not."""
        if scope["path"] == self.prefix + HOST_CONFIG:  # an open page asks for it to connect again, and shows only JSON
            return JSONResponse("Your log-in has ended. Reload the page to log in.", 401, _NO_STORE)
        headers = Headers(scope=scope)
        opens_page = scope.get("method") in ("GET", "HEAD") and "text/html" in headers.get("accept", "")
        if not opens_page:
            return PlainTextResponse("Log in first.\n", 401, _NO_STORE)
        query = scope["query_string"].decode("latin-1")
        wanted = quote(scope["path"], safe="/") + (f"?{query}" if query else "")
        return _see_other(f"{self.prefix}{LOGIN}?{urlencode({'next': wanted})}")

    async def _login_or_logout(self, request: Request, asked: bool, logged_in: bool) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("Method not allowed\n", 405, {"Allow": "GET, HEAD, POST"})
        if request.method == "POST" and _is_from_elsewhere(request):
            return PlainTextResponse("This form must be sent from its own page.\n", 403)
        if request.scope["path"] == self.prefix + LOGOUT:
            return self._log_out(request, logged_in)
        home = f"{self.prefix}/"
        if request.method != "POST":
            wanted = own_path(request.query_params.get("next", ""), home)
            return login_page(wanted) if asked and not logged_in else _see_other(wanted)
        form = await _form(request)
        wanted = own_path(form.get("next", ""), home)
        if not asked:
            return _see_other(wanted)
        client = request.client.host if request.client else ""
        try:
            refused = await asyncio.to_thread(self.authenticator.refusal, form.get("password", ""), client)
            if refused:
                return login_page(wanted, refused, 403)
            login = self.authenticator.give()
        except Exception as error:
            return login_page(wanted, str(error), 503)
        return self._with_cookie(request, _see_other(wanted), login)

    def _log_out(self, request: Request, logged_in: bool) -> Response:
        if request.method != "POST":
            return logout_page() if logged_in else _see_other(f"{self.prefix}{LOGIN}")
        self.authenticator.end(self._cookie(request.scope))
        response = _see_other(f"{self.prefix}{LOGIN}")
        response.delete_cookie(self.authenticator.cookie_name(), f"{self.prefix}/", httponly=True, samesite="lax")
        return response

    def _with_cookie(self, request: Request, response: Response, login: str) -> Response:
        # a proxy in front of the server may speak https with the browser; a wrong header only harms who sends it
        secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "").split(",")[0].strip())
        response.set_cookie(
            self.authenticator.cookie_name(), login, max_age=self.authenticator.lasts_s, path=f"{self.prefix}/",
            secure=secure, httponly=True, samesite="lax",
        )  # fmt: skip
        return response


def while_logged_in(receive: Receive, send: Send, still: Callable[[], bool]) -> Receive:
    """What a connection receives while `still` is true: until its log-in ends. The page then loads again."""

    async def guarded() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive" and not still():
            await send({"type": "websocket.send", "bytes": _reload()})
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
        return message

    return guarded


def cookies_of(scope: Scope) -> dict[str, str]:
    """The cookies of a request or of a connection."""
    return Request({**scope, "type": "http"}).cookies


def own_path(wanted: str, home: str) -> str:
    """The wanted path with its query if it leads to a page below `home`, to which browsers send the cookie, else `home`.

    Browsers take `//name` and `/\\name` for other servers, and ignore tabs and line breaks.
    """
    if not wanted.startswith("/") or wanted.startswith("//") or _UNSAFE.search(wanted):
        return home
    parts = urlsplit(wanted)
    is_page = parts.path.startswith(home) and parts.path not in (home + LOGIN[1:], home + LOGOUT[1:])
    return wanted if is_page and not (parts.scheme or parts.netloc) else home


def _is_from_elsewhere(request: Request) -> bool:
    """True if a page of another site sent the form. Every browser says where a form comes from."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and not names_host(origin, request.headers.get("host"))


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            return {}
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _see_other(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, _NO_STORE)


def _reload() -> bytes:
    """The message with which Streamlit sends its client to another address: without one, it loads the page again."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    message = ForwardMsg()
    message.auth_redirect.SetInParent()
    return message.SerializeToString()
