"""`Idempotency-Key`: a POST that is sent again with the same key gets the first answer and does nothing twice."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import islice

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api.body_digest import BodyDigest
from dashboard.api.problems import problem

KEPT_S = 24 * 3600.0
MOST_KEYS = 10_000
MOST_BYTES = 256 * 1024  # of one answer that is kept
MOST_BYTES_IN_ALL = 64 * 2**20
MOST_CHARACTERS = 200


@dataclass
class _Kept:
    path: str
    at_s: float = field(default_factory=time.monotonic)
    done: bool = False
    digest: str = ""  # of the body
    messages: list[Message] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(len(message.get("body", b"")) for message in self.messages)


class Idempotency:
    """Keeps the answers below 500 for a day, in the memory of this server, apart for each caller."""

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BYTES_IN_ALL) -> None:
        self._app, self._most_bytes = app, most_bytes
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._bytes = 0  # of all answers that are kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        given = headers.get("idempotency-key")
        if not given or scope.get("method") != "POST":
            await self._app(scope, receive, send)
            return
        if len(given) > MOST_CHARACTERS:
            await problem(
                422, "request", f"Idempotency-Key has more than {MOST_CHARACTERS} characters.", "Send a UUID."
            )(scope, receive, send)
            return
        caller = hashlib.sha256(headers.get("authorization", "").encode()).hexdigest()
        key = (caller, given)
        path = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        if kept := self._kept.get(key):
            await self._repeat(kept, path, scope, receive, send)
            return
        kept = self._kept[key] = _Kept(path)
        digest, read = BodyDigest(headers), False

        async def digested() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request" and not read:
                digest.update(message.get("body", b""))
                read = not message.get("more_body")
            return message

        try:
            await self._app(scope, digested, self._noting(kept, send))
        finally:
            kept.done, kept.digest = True, digest.text()
            if read and _is_whole(kept.messages):
                self._bytes += kept.size
            else:
                self._kept.pop(key, None)
            self._forget_old()

    async def _repeat(self, kept: _Kept, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if not kept.done:
            await problem(
                409, "request", "The first request with this Idempotency-Key is not answered yet.", "Ask again soon.",
                headers={"Retry-After": "1"},
            )(scope, receive, send)  # fmt: skip
        elif kept.path != path or kept.digest != await _digest(scope, receive):
            await problem(
                422, "request", "This Idempotency-Key was used for another request.", "Use a new key for each request."
            )(scope, receive, send)
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
        for key, oldest in [*islice(self._kept.items(), 100)]:  # a few at a time
            too_many = len(self._kept) > MOST_KEYS or self._bytes > self._most_bytes
            if not oldest.done:
                continue
            if not too_many and now - oldest.at_s < KEPT_S:
                break
            del self._kept[key]
            self._bytes -= oldest.size


async def _digest(scope: Scope, receive: Receive) -> str:
    digest, more = BodyDigest(Headers(scope=scope)), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        digest.update(message.get("body", b""))
        more = bool(message.get("more_body"))
    return digest.text()


def _is_whole(messages: list[Message]) -> bool:
    """True for an answer that can be repeated: complete, and not a fault of the server or of too many requests."""
    if not messages or messages[0]["status"] >= 500 or messages[0]["status"] in (408, 413, 429):
        return False
    return messages[-1]["type"] == "http.response.body" and not messages[-1].get("more_body")
