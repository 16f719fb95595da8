"""What users and the log are told when a log-in with OpenID Connect cannot begin, or fails on the way back.

Streamlit answers with two words or leads to the start page without a word, and writes the tracebacks into the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web.login_page import no_login_page
from dashboard.web.paths import OPENID_BEGIN, OPENID_END, prefix_of
from dashboard.web.return_after_login import own_page, paths_of, wanted_page

_LOG = logging.getLogger("streamlit.web.server.starlette.starlette_auth_routes")
_USER_COOKIE = "_streamlit_user"  # has who is logged in
_UNKNOWN = "The log of the server says why"
_WHOSE = "That is the address of the service that logs users in. "
_NOT_BEGUN_HERE = "It was not begun in this browser at this address, or too long ago"


@dataclass
class _LogIn:
    """A request of a log-in, and what the log was told of it."""

    begins: bool
    failed: bool = False
    reason: str = ""  # a sentence without its full stop; "" if it is not known


_under_way: ContextVar[_LogIn] = ContextVar("log-in")


class LoginFaults:
    """Middleware that shows a page with the reason, from which users can try again."""

    def __init__(
        self,
        app: ASGIApp,
        why_unusable: Callable[[BaseException], str],
        why_failed: Callable[[BaseException], str],
        why_refused: Callable[[str], str],
        pages: Sequence[str],
        base: str = "",
    ) -> None:
        """Wraps an application.

        Args:
            why_unusable: what this error says about the provider when a log-in begins, a sentence without its full stop;
                "" if nothing.
            why_failed: the same when a log-in ends.
            why_refused: the same for the code with which the provider sends a user back.
            pages: names of the pages besides the first one, from which a log-in can begin.
            base: path below which Streamlit serves the pages.
        """
        self.app, self.why_unusable, self.why_failed, self.why_refused = app, why_unusable, why_failed, why_refused
        self.paths, self.home = paths_of(pages, base), f"{prefix_of(base)}/"
        self.begin, self.end = prefix_of(base) + OPENID_BEGIN, prefix_of(base) + OPENID_END
        _LOG.addFilter(self._in_one_line)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on. If a log-in cannot begin or has failed, answers with the page."""
        if scope["type"] != "http" or scope["path"] not in (self.begin, self.end):
            await self.app(scope, receive, send)
            return
        log_in, page = _LogIn(scope["path"] == self.begin), None
        _under_way.set(log_in)
        of_fault = self._cannot_begin if log_in.begins else self._has_failed

        async def send_unless_failed(message: Message) -> None:
            nonlocal page
            if message["type"] == "http.response.start":
                page = of_fault(Request(scope), message, log_in)
            if page is None:
                await send(message)

        await self.app(scope, receive, send_unless_failed)
        if page is not None:
            await page(scope, receive, send)

    def _cannot_begin(self, request: Request, answer: Message, log_in: _LogIn) -> Response | None:
        if answer["status"] < 400:
            return None
        return no_login_page(
            f"You cannot log in at the moment. {log_in.reason or _UNKNOWN}.",
            f"{_WHOSE if log_in.reason else ''}If this does not change soon, tell whoever runs the dashboard.",
            own_page(request.headers.get("referer", ""), self.paths, self.home),
            503,
        )

    def _has_failed(self, request: Request, answer: Message, log_in: _LogIn) -> Response | None:
        headers = Headers(raw=answer["headers"])
        query, cookies = request.query_params, headers.getlist("set-cookie")
        if code := query.get("error"):
            reason, status = self.why_refused(code), 403
        elif log_in.failed:
            reason, status = log_in.reason, 503
        elif "code" in query and not _is_logged_in(request, cookies):
            reason, status = _NOT_BEGUN_HERE, 403
        else:  # also a replay by somebody who is logged in, such as with Back in the browser; and the end of a log-out
            return None
        page = no_login_page(
            f"The log-in failed. {reason or _UNKNOWN}.",
            f"{_WHOSE if reason.startswith('http') else ''}If it fails again, tell whoever runs the dashboard.",
            wanted_page(request, self.paths, self.home),
            status,
        )
        for cookie in cookies:  # Streamlit ends an earlier log-in by them
            page.headers.append("set-cookie", cookie)
        return page

    def _in_one_line(self, record: logging.LogRecord) -> bool:
        log_in = _under_way.get(_LogIn(begins=True))
        error = record.exc_info[1] if record.exc_info else None
        log_in.failed = log_in.failed or error is not None or record.levelno >= logging.ERROR
        if error is not None and (reason := (self.why_unusable if log_in.begins else self.why_failed)(error)):
            record.msg, record.args, record.exc_info = f"{record.getMessage()} {reason}.", (), None
            log_in.reason = reason
        return True


def _is_logged_in(request: Request, cookies: Sequence[str]) -> bool:
    """Whether somebody is logged in after an answer to this request that sets these cookies."""
    of_user = [each for each in cookies if each.startswith(f"{_USER_COOKIE}=")]
    return "Max-Age=0" not in of_user[-1] if of_user else _USER_COOKIE in request.cookies
