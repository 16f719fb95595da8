"""Limits of every request: the size of its body, the time it takes to arrive, and how many a client may send."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api.media_types import media_type
from dashboard.api.problems import problem

PATIENCE_S = 60.0  # for a body of any size
LEAST_BYTES_PER_S = 10_000.0  # beyond that time
MOST_TOKENS = 10_000  # that are known to be good
UNLIMITED = frozenset({"/live", "/ready", "/metrics", "/health/live", "/health/ready"})  # load balancers poll them


class _BodyRefusedError(Exception):
    """The body is larger or comes more slowly than allowed."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer


class BodyLimit:
    """Refuses a body that is too large, or that comes so slowly that it would hold its connection for hours.

    A body whose length is stated is refused before it is read, others as soon as they are too long.
    """

    def __init__(
        self, app: ASGIApp, limit: Callable[[str, str], tuple[int, str]], patience_s: float = PATIENCE_S
    ) -> None:
        """`limit` gives the most bytes for a path and a media type, and the setting that says so."""
        self._app, self._limit, self._patience_s = app, limit, patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most, setting = self._limit(scope["path"], media_type(headers))
        stated = headers.get("content-length", "")
        if stated.isdecimal() and (len(stated) > 20 or int(stated) > most):
            await _too_large(most, setting)(scope, receive, send)
            return
        received, waited_s, complete, begun = 0, 0.0, False, False

        async def counted() -> Message:
            nonlocal received, waited_s, complete
            if complete:  # the application waits for the client to leave
                return await receive()
            left_s = self._patience_s + received / LEAST_BYTES_PER_S - waited_s
            started = time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(left_s, 0.001))
            except asyncio.TimeoutError as error:  # in Python 3.10 it is not TimeoutError
                raise _BodyRefusedError(_too_slow()) from error
            waited_s += time.monotonic() - started
            received += len(message.get("body", b""))
            complete = not message.get("more_body")
            if received > most:
                raise _BodyRefusedError(_too_large(most, setting))
            return message

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, counted, noticed)
        except _BodyRefusedError as refused:
            if not begun:
                await refused.answer(scope, receive, send)


def _too_large(most_bytes: int, setting: str) -> Response:
    return problem(
        413, "too_large", f"The body is larger than the {most_bytes / 2**20:,.0f} MB allowed here.",
        f"Send fewer or smaller files, or have {setting} raised.",
        headers={"Connection": "close"},
    )  # fmt: skip


def _too_slow() -> Response:
    return problem(
        408, "request_timeout", "The body did not arrive in time.",
        "Send it again over a faster connection, or send fewer or smaller files.", headers={"Connection": "close"},
    )  # fmt: skip


class RateLimit:
    """Refuses the requests of a client beyond some number a minute.

    The requests with one token count together once the token was accepted. All others count by the address that they
    come from: anyone can invent tokens. Requests to the paths in `UNLIMITED` are always let through, and do not count.
    """

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self._app = app
        self._rate = RateLimitItemPerMinute(per_minute)
        self._limiter: RateLimiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._accepted: OrderedDict[str, str] = OrderedDict()  # by the hash of the header: the id of its token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or path in UNLIMITED:
            await self._app(scope, receive, send)
            return
        given = hashlib.sha256(Headers(scope=scope).get("authorization", "").encode()).hexdigest()
        known, address = self._accepted.get(given), (scope.get("client") or ("",))[0]
        if not self._limiter.hit(self._rate, *(("token", known) if known else ("address", address))):
            await problem(
                429, "too_many_requests", f"More than {self._rate.amount:,} requests a minute.",
                "Send several images in one request, or wait.", headers={"Retry-After": "60"},
            )(scope, receive, send)  # fmt: skip
            return
        state = scope.setdefault("state", {})  # `api.access.needs` puts the token there that it accepts

        async def noticed(message: Message) -> None:
            if message["type"] == "http.response.start":
                accepted = state.get("token_id")
                if accepted and not known:
                    self._limiter.hit(self._rate, "address", address, cost=-1)  # others at this address may use it
                    self._limiter.hit(self._rate, "token", accepted)
                self._note(given, accepted, message["status"])
            await send(message)

        await self._app(scope, receive, noticed)

    def _note(self, given: str, accepted: str | None, status: int) -> None:
        """Keeps what is known of the header with this hash, now that a request with it is answered."""
        if accepted:
            self._accepted[given] = accepted
            self._accepted.move_to_end(given)
            if len(self._accepted) > MOST_TOKENS:
                self._accepted.popitem(last=False)
        elif status == 401:
            self._accepted.pop(given, None)
