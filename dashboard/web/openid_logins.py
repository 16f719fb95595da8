"""Middleware that tells who logged in with OpenID Connect, and ends the connections of other tabs after a log-out.

Streamlit only puts the log-in into a signed cookie, which it reads when a page is opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from http.cookies import SimpleCookie
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web.login import cookies_of, while_logged_in
from dashboard.web.paths import OPENID_END, OPENID_OUT, prefix_of

_USER_COOKIE = "_streamlit_user"  # `USER_COOKIE_NAME` of Streamlit; its parts begin with the same name
Claims = Mapping[str, Any]  # what the provider says about the user


class OpenIdLogins:
    """See the module. The line of the request in the log then has the user's name."""

    def __init__(self, app: ASGIApp, logged_in: Callable[[Claims, str], object], base: str = "") -> None:
        """Wraps an application.

        Args:
            logged_in: is called once for each log-in, with the claims and the client's address, on another thread. Gives
                the visitor.
            base: path below which Streamlit serves the pages.
        """
        self.app, self.logged_in = app, logged_in
        self.end, self.out = prefix_of(base) + OPENID_END, prefix_of(base) + OPENID_OUT
        self._ended: set[str] = set()  # log-ins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] == "websocket" and (login := _login_of(scope)):
            receive = while_logged_in(receive, send, lambda: login not in self._ended)
        if scope["type"] == "http" and scope["path"] == self.out:
            self._ended.add(_login_of(scope))
        if scope["type"] != "http" or scope["path"] != self.end:
            await self.app(scope, receive, send)
            return

        async def send_and_tell(message: Message) -> None:
            if message["type"] == "http.response.start" and (
                claims := _claims_in(_cookies_set_by(Headers(raw=message["headers"]).getlist("set-cookie")))
            ):
                client = (scope.get("client") or ("",))[0]
                visitor = await asyncio.to_thread(self.logged_in, claims, client)
                scope.setdefault("state", {})["visitor"] = visitor
            await send(message)

        await self.app(scope, receive, send_and_tell)


def _login_of(scope: Scope) -> str:
    """A hash of the log-in in the cookies of a request or a connection; "" if there is none that Streamlit gave."""
    given = {name: value for name, value in cookies_of(scope).items() if name.startswith(_USER_COOKIE)}
    if not given or not _claims_in(given):
        return ""
    return hashlib.sha256(repr(sorted(given.items())).encode()).hexdigest()


def _claims_in(cookies: Mapping[str, str]) -> Claims:
    """The claims in cookies; none if they log nobody in."""
    from streamlit.auth_util import get_cookie_with_chunks
    from streamlit.web.server.server_util import get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

    secret = get_cookie_secret()

    def value_of(name: str) -> bytes | None:
        return decode_signed_value(secret, name, cookies.get(name, ""))

    found = get_cookie_with_chunks(value_of, _USER_COOKIE)  # Streamlit splits a long one
    return json.loads(found) if found else {}


def _cookies_set_by(lines: Sequence[str]) -> dict[str, str]:
    return {name: cookie.value for line in lines for name, cookie in SimpleCookie(line).items()}
