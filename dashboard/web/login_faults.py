"""What users and the log are told when a log-in with OpenID Connect cannot begin, because its provider cannot be used.

Streamlit answers with two words, and writes the tracebacks into the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web.login_page import no_login_page
from dashboard.web.paths import OPENID_BEGIN, prefix_of
from dashboard.web.return_after_login import own_page, paths_of

_LOG = logging.getLogger("streamlit.web.server.starlette.starlette_auth_routes")
_told: ContextVar[list[str]] = ContextVar("told")  # why the log-in under way cannot begin, as it is said to the log


class LoginFaults:
    """Middleware that shows a page with the reason, from which users can try again."""

    def __init__(
        self, app: ASGIApp, why_unusable: Callable[[BaseException], str], pages: Sequence[str], base: str = ""
    ) -> None:
        """Wraps an application.

        Args:
            why_unusable: what this error says about the provider, a sentence without its full stop; "" if nothing.
            pages: names of the pages besides the first one, from which a log-in can begin.
            base: path below which Streamlit serves the pages.
        """
        self.app, self.why_unusable = app, why_unusable
        self.paths, self.home = paths_of(pages, base), f"{prefix_of(base)}/"
        self.begin = prefix_of(base) + OPENID_BEGIN
        _LOG.addFilter(self._in_one_line)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on. If a log-in cannot begin, answers 503 with the page."""
        if scope["type"] != "http" or scope["path"] != self.begin:
            await self.app(scope, receive, send)
            return
        told: list[str] = []
        _told.set(told)
        failed = False

        async def send_unless_failed(message: Message) -> None:
            nonlocal failed
            failed = failed or message.get("status", 0) >= 400
            if not failed:
                await send(message)

        await self.app(scope, receive, send_unless_failed)
        if failed:
            wanted = own_page(Headers(scope=scope).get("referer", ""), self.paths, self.home)
            await no_login_page("".join(told), wanted)(scope, receive, send)

    def _in_one_line(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and (reason := self.why_unusable(error)):
            record.msg, record.args, record.exc_info = f"{record.getMessage()} {reason}.", (), None
            _told.get([]).append(reason)
        return True
