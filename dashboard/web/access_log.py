"""Middleware that gives each request an id and writes a line about it into the log."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from contextvars import ContextVar
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web.paths import is_logged

HEADER = "X-Request-ID"
STARTED = "dashboard.started"  # in the scope: when the request came, by `time.perf_counter`
request_id: ContextVar[str] = ContextVar("request_id", default="")  # of the request that is answered; "" if it has none
_LOG = logging.getLogger("dashboard.access")
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_PATH = 500  # characters


class AccessLog:
    """For the API and for log-ins; not for the pages and their files."""

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        """Wraps an application.

        Args:
            base: path below which Streamlit serves the pages.
        """
        self.app, self.base = app, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on; the answer has the id of the request."""
        if scope["type"] != "http" or not is_logged(scope["path"], self.base):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        own = given if _SANE.fullmatch(given) else secrets.token_hex(8)
        request_id.set(own)
        path, status = scope["path"], 500
        started = scope[STARTED] = time.perf_counter()

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = own
            await send(message)

        try:
            await self.app(scope, receive, noticed)
        finally:
            _write(scope, path, status, (time.perf_counter() - started) * 1000, own)


def _write(scope: Scope, path: str, status: int, ms: float, own: str) -> None:
    level = logging.WARNING if status >= 500 else logging.INFO
    if not _LOG.isEnabledFor(level):
        return
    visitor = scope.get("state", {}).get("visitor")
    fields = {
        "method": scope["method"],
        "path": quote(path[:_LONGEST_PATH], safe="/@:", errors="replace"),  # without the query, which may hold a secret
        "status": status,
        "ms": round(ms, 1),
        "client": (scope.get("client") or ("",))[0],
        "user": visitor.called if visitor else "",
        "request_id": own,
    }
    text = "%(method)s %(path)s %(status)d %(ms).1f ms client=%(client)s user=%(user)s request=%(request_id)s"
    shown = {**fields, "user": json.dumps(fields["user"])}
    _LOG.log(level, text, shown, extra={"fields": fields})
