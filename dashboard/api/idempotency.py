"""`Idempotency-Key`: a POST that is sent again with the same key gets the first answer and does nothing twice."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api.problems import problem

KEPT_S = 24 * 3600.0
MOST_KEYS = 10_000
MOST_BYTES = 256 * 1024  # of one answer that is kept
MOST_LETTERS = 200


@dataclass
class _Kept:
    request: str
    at_s: float = field(default_factory=time.monotonic)
    done: bool = False
    messages: list[Message] = field(default_factory=list)


class Idempotency:
    """Keeps the answers below 500 for a day, in the memory of this server, apart for each caller."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        given = headers.get("idempotency-key")
        if not given or scope.get("method") != "POST":
            await self._app(scope, receive, send)
            return
        if len(given) > MOST_LETTERS:
            await problem(422, "request", f"Idempotency-Key has more than {MOST_LETTERS} letters.", "Send a UUID.")(
                scope, receive, send
            )
            return
        caller = hashlib.sha256(headers.get("authorization", "").encode()).hexdigest()
        key = (caller, given)
        request = f"{scope['path']}?{scope['query_string'].decode('latin-1')} {headers.get('content-length')}"
        self._forget_old()
        if kept := self._kept.get(key):
            await self._repeat(kept, request, scope, receive, send)
            return
        kept = self._kept[key] = _Kept(request)
        try:
            await self._app(scope, receive, self._noting(kept, send))
        finally:
            kept.done = True
            if not _is_whole(kept.messages):
                self._kept.pop(key, None)

    async def _repeat(self, kept: _Kept, request: str, scope: Scope, receive: Receive, send: Send) -> None:
        if kept.request != request:
            await problem(
                422, "request", "This Idempotency-Key was used for another request.", "Use a new key for each request."
            )(scope, receive, send)
        elif not kept.done:
            await problem(
                409, "request", "The first request with this Idempotency-Key is not answered yet.", "Ask again soon.",
                headers={"Retry-After": "1"},
            )(scope, receive, send)  # fmt: skip
        else:
            for message in kept.messages:
                await send(message)

    def _noting(self, kept: _Kept, send: Send) -> Send:
        size = 0

        async def noted(message: Message) -> None:
            nonlocal size
            size += len(message.get("body", b""))
            if size <= MOST_BYTES:
                kept.messages.append(message)
            await send(message)

        return noted

    def _forget_old(self) -> None:
        now = time.monotonic()
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if len(self._kept) <= MOST_KEYS and now - oldest.at_s < KEPT_S:
                break
            self._kept.popitem(last=False)


def _is_whole(messages: list[Message]) -> bool:
    """True for an answer that can be repeated: complete, and not a fault of the server or of too many requests."""
    if not messages or messages[0]["status"] >= 500 or messages[0]["status"] in (408, 413, 429):
        return False
    return messages[-1]["type"] == "http.response.body" and not messages[-1].get("more_body")
