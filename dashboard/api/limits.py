"""Limits of every request: the size of its body, and how many a client may send."""

from __future__ import annotations

from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api.problems import problem


class TooLargeError(Exception):
    """The body is larger than allowed."""


class BodyLimit:
    """Refuses a body that is too large: before it is read if its length is stated, else as soon as it is too long."""

    def __init__(self, app: ASGIApp, most_bytes: Callable[[str], int]) -> None:
        """`most_bytes` gives the limit for a path."""
        self._app, self._most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._most_bytes(scope["path"])
        refused = problem(
            413, "too_large", f"The body is larger than the {most / 2**20:,.0f} MB allowed here.",
            "Send fewer or smaller files, or have DASHBOARD_MAX_UPLOAD_MB or DASHBOARD_API_MAX_BODY_MB raised.",
            headers={"Connection": "close"},
        )  # fmt: skip
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdecimal() and int(stated) > most:
            await refused(scope, receive, send)
            return
        received, begun = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise TooLargeError
            return message

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, counted, noticed)
        except TooLargeError:
            if not begun:
                await refused(scope, receive, send)


class RateLimit:
    """Refuses the requests of a client, by its token or address, beyond some number a minute."""

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self._app = app
        self._rate = RateLimitItemPerMinute(per_minute)
        self._limiter: RateLimiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = Headers(scope=scope).get("authorization") or (scope.get("client") or ("",))[0]
        if not self._limiter.hit(self._rate, client):
            await problem(
                429, "too_many_requests", f"More than {self._rate.amount:,} requests a minute.",
                "Send several images in one request, or wait.", headers={"Retry-After": "60"},
            )(scope, receive, send)  # fmt: skip
            return
        await self._app(scope, receive, send)
