"""Who asks, and whether they may: bearer tokens with scopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from dashboard.core.access.reach import is_loopback, listens_beyond
from dashboard.core.access.tokens import Scope
from dashboard.core.errors import AccessError
from dashboard.services import Services

_BEARER = HTTPBearer(auto_error=False, description="made by `python -m dashboard tokens create`")


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    name: str  # of the token; "" for anybody on this machine, where no token is needed
    is_admin: bool


class Door:
    """Decides whether a request without a token is let in."""

    def __init__(self, allow_anyone: bool) -> None:
        self._allow_anyone = allow_anyone
        self._beyond: dict[int, bool] = {}  # by port

    def is_open(self, request: Request) -> bool:
        """True if the server listens on this machine only and this machine asks, or if anyone is allowed."""
        if self._allow_anyone:
            return True
        server, client = request.scope.get("server"), request.scope.get("client")
        if not server or not client or not is_loopback(client[0]) or not server[1]:
            return False
        if server[1] not in self._beyond:
            self._beyond[server[1]] = listens_beyond(server[1])
        return not self._beyond[server[1]]


def needs(scope: Scope) -> Any:
    """A dependency that gives the `Caller`. Raises AccessError unless a token with this scope came with the request."""

    def check(request: Request, credentials: Any = Depends(_BEARER)) -> Caller:  # noqa: B008 - as FastAPI wants it
        if credentials is None and request.app.state.door.is_open(request):
            _check_origin(request)
            return Caller("", True)
        services: Services = request.app.state.get_services()
        token = services.tokens.check(credentials and credentials.credentials, scope)
        return Caller(token.name, token.allows("admin"))

    check.scope = scope  # type: ignore[attr-defined]  # a test asks every route for it
    return Depends(check)


def _check_origin(request: Request) -> None:
    """Raises AccessError if a page of another server sent the request, with the browser of somebody on this machine."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise AccessError(
            f"A page of {origin} may not use this server.",
            "Send a token in the header `Authorization`.",
            "token_missing",
        )
