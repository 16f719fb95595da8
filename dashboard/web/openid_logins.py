"""Middleware that tells who logged in with OpenID Connect. Streamlit only puts it into a signed cookie."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from http.cookies import SimpleCookie
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web.paths import OPENID_END, prefix_of

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
        self.app, self.logged_in, self.end = app, logged_in, prefix_of(base) + OPENID_END

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] != "http" or scope["path"] != self.end:
            await self.app(scope, receive, send)
            return

        async def send_and_tell(message: Message) -> None:
            if message["type"] == "http.response.start" and (claims := _claims_in(Headers(raw=message["headers"]))):
                client = (scope.get("client") or ("",))[0]
                visitor = await asyncio.to_thread(self.logged_in, claims, client)
                scope.setdefault("state", {})["visitor"] = visitor
            await send(message)

        await self.app(scope, receive, send_and_tell)


def _claims_in(headers: Headers) -> Claims:
    """The claims in the cookies that an answer sets; none if it logs nobody in."""
    from streamlit.auth_util import get_cookie_with_chunks
    from streamlit.web.server.server_util import get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

    cookies = _cookies_set_by(headers.getlist("set-cookie"))
    secret = get_cookie_secret()

    def value_of(name: str) -> bytes | None:
        return decode_signed_value(secret, name, cookies.get(name, ""))

    found = get_cookie_with_chunks(value_of, USER_COOKIE_NAME)  # Streamlit splits a long one
    return json.loads(found) if found else {}


def _cookies_set_by(lines: Sequence[str]) -> dict[str, str]:
    return {name: cookie.value for line in lines for name, cookie in SimpleCookie(line).items()}
