"""Who asks, and whether they may: bearer tokens with scopes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from dashboard.core.access.reach import is_loopback, listens_beyond
from dashboard.core.access.tokens import Scope
from dashboard.core.access.visitor import OPERATOR, Visitor
from dashboard.core.errors import AccessError
from dashboard.core.settings import check_data_dir
from dashboard.services import Services
from dashboard.web.hosts import names_host

Access = Callable[[Request, Any], Visitor]  # a request and its credentials; raises AccessError
_BEARER = HTTPBearer(auto_error=False, description="made by `python -m dashboard tokens create`")


class AnonymousAccess:
    """Decides whether a request without a token is allowed."""

    def __init__(self, allow_anyone: bool, is_protected: Callable[[], bool] = lambda: False) -> None:
        """`is_protected` says whether the pages need a log-in. If they do, every request to the API needs a token."""
        self._allow_anyone, self._is_protected = allow_anyone, is_protected
        self._listens_beyond = cache(listens_beyond)

    def is_allowed(self, request: Request) -> bool:
        """True if the pages need no log-in, and only this machine can ask or anyone is allowed."""
        if self._is_protected():
            return False
        if self._allow_anyone:
            return True
        server, client = request.scope.get("server"), request.scope.get("client")
        if not server or not client or not is_loopback(client[0]) or not server[1]:
            return False
        return not self._listens_beyond(server[1])


@cache  # so that a router and its routes name the same dependency, which FastAPI then asks once for a request
def needs(scope: Scope) -> Any:
    """A dependency that gives the caller: a visitor named "token NAME", or OPERATOR if no token is needed.

    It raises AccessError if a token with this scope is needed and did not come with the request, and DashboardError if
    nobody can tell, because the data folder cannot be entered.
    """

    def check(request: Request, credentials: Any = Depends(_BEARER)) -> Visitor:  # noqa: B008 - as FastAPI wants it
        services: Services = request.app.state.get_services()
        check_data_dir(services.settings.data_dir)
        if credentials is None and request.app.state.anonymous_access.is_allowed(request):
            _check_origin(request)
            caller = OPERATOR
        else:
            token = services.tokens.check(credentials and credentials.credentials, scope)
            request.state.token_id = token.token_id
            caller = Visitor(f"token {token.name}", token.allows("admin"))
        request.state.visitor, request.state.access = caller, check
        return caller

    check.scope = scope  # type: ignore[attr-defined]  # a test asks every route for it
    return Depends(check)


async def check_again(access: Access, request: Request) -> None:
    """Raises AccessError if the caller of a request may not do any more what another with this `access` did."""
    await asyncio.to_thread(access, request, await _BEARER(request))


def _check_origin(request: Request) -> None:
    """Raises AccessError if a page of another server sent the request, with the browser of somebody on this machine."""
    origin = request.headers.get("origin")
    if origin and not names_host(origin, request.headers.get("host")):
        raise AccessError(
            f"A page of {origin} may not use this server.",
            "Send a token in the header `Authorization`.",
            "token_missing",
        )
