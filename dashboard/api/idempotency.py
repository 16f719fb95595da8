"""`Idempotency-Key`: a POST that is sent again with the same key gets the first answer and does nothing twice."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import islice

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.api.access import Access, check_again
from dashboard.api.body_digest import BodyDigest
from dashboard.api.problems import problem, problem_of
from dashboard.core.errors import DashboardError

KEPT_S = 24 * 3600.0
MOST_KEYS = 10_000
MOST_BYTES = 16 * 2**20  # of one answer that is kept
MOST_BYTES_IN_ALL = 64 * 2**20
MOST_CHARACTERS = 200
_NOTHING_DONE = (401, 403, 408, 413, 429)  # the same request may be answered otherwise later
_Key = tuple[str, str]  # of the caller and of the request


@dataclass
class _First:
    """The first request with a key."""

    path: str
    at_s: float = field(default_factory=time.monotonic)
    done: bool = False
    digest: str = ""  # of the body
    access: Access | None = None  # asked again before the answer is given again


@dataclass
class _Answer:
    """An answer as it is sent; without its messages if it is too large to be kept."""

    messages: list[Message] = field(default_factory=list)
    size: int = 0
    status: int = 500
    complete: bool = False

    def note(self, message: Message) -> None:
        """Takes the next message."""
        self.status = message.get("status", self.status)
        self.size += len(message.get("body", b""))
        self.complete = message["type"] == "http.response.body" and not message.get("more_body")
        if self.size <= MOST_BYTES:
            self.messages.append(message)
        else:
            self.messages.clear()

    @property
    def is_final(self) -> bool:
        """True if the same request must not be done again: it was done, or would be refused again."""
        return self.complete and self.status < 500 and self.status not in _NOTHING_DONE


class Idempotency:
    """Keeps the answers below 500 in the memory of this server, apart for each caller.

    A key is known for a day. If its answer was too large to be kept, or newer ones took its place, the request is refused
    with 409 when it is sent again.
    """

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BYTES_IN_ALL) -> None:
        self._app, self._most_bytes = app, most_bytes
        self._first: OrderedDict[_Key, _First] = OrderedDict()
        self._answers: OrderedDict[_Key, _Answer] = OrderedDict()
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
        if first := self._first.get(key):
            await self._repeat(key, first, path, scope, receive, send)
            return
        first = self._first[key] = _First(path)
        state = scope.setdefault("state", {})  # `api.access.needs` says there who may do this
        answer, digest = _Answer(), BodyDigest(headers)
        # without a body, a route need not ask for it
        read = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers

        async def digested() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request" and not read:
                digest.update(message.get("body", b""))
                read = not message.get("more_body")
            return message

        async def noted(message: Message) -> None:
            answer.note(message)
            await send(message)

        try:
            await self._app(scope, digested, noted)
        finally:
            first.done, first.digest, first.access = True, digest.text(), state.get("access")
            if not (read and first.access and answer.is_final):
                self._first.pop(key, None)
            elif answer.messages:
                self._answers[key] = answer
                self._bytes += answer.size
            self._forget_old()

    async def _repeat(self, key: _Key, first: _First, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if first.access:
            try:
                await check_again(first.access, Request(scope))
            except DashboardError as error:
                await problem_of(error)(scope, receive, send)
                return
        if not first.done:
            await problem(
                409, "request", "The first request with this Idempotency-Key is not answered yet.", "Ask again soon.",
                headers={"Retry-After": "1"},
            )(scope, receive, send)  # fmt: skip
            return
        digest = await _digest(scope, receive)
        if first.path != path or first.digest != digest:
            await problem(
                422, "request", "This Idempotency-Key was used for another request.", "Use a new key for each request."
            )(scope, receive, send)
        elif answer := self._answers.get(key):
            for message in answer.messages:
                await send(message)
        else:
            await problem(
                409, "request",
                "The first request with this Idempotency-Key was answered, but its answer was too large to be kept, or was "
                "given up for newer ones. It is not done again.",
                "Look up what came of it, for example in `GET /api/v1/history`, or use a new key to do it again.",
            )(scope, receive, send)  # fmt: skip

    def _forget_old(self) -> None:
        while self._bytes > self._most_bytes:
            self._bytes -= self._answers.popitem(last=False)[1].size
        now = time.monotonic()
        for key, oldest in [*islice(self._first.items(), 100)]:  # a few at a time
            if not oldest.done:
                continue
            if len(self._first) <= MOST_KEYS and now - oldest.at_s < KEPT_S:
                break
            del self._first[key]
            if answer := self._answers.pop(key, None):
                self._bytes -= answer.size


async def _digest(scope: Scope, receive: Receive) -> str:
    """That of the body of a request; "" if the client left before it was complete."""
    digest, more = BodyDigest(Headers(scope=scope)), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return ""
        digest.update(message.get("body", b""))
        more = bool(message.get("more_body"))
    return digest.text()
