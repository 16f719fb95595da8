"""The names that this server answers to, and the pages that may open a connection to it.

A page on the internet can make its own name point to this server (DNS rebinding). The browser then takes both for one
site, so that only the `Host` header tells them apart. An address in numbers cannot be made to point elsewhere.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.web.paths import is_of_api
from dashboard.web.refusing import refuse

ANY = "*"
ApiRefusal = Callable[[str, str, str], Response]  # of the path, what is wrong, and what to do
_NAME = re.compile(r"[a-z0-9._:-]+")  # of a host, or an address


class OwnHosts:
    """Middleware that refuses requests for another host, and WebSocket connections that a foreign page opens."""

    refused = 0  # so far, by this process

    def __init__(
        self,
        app: ASGIApp,
        hosts: Sequence[str] = (),
        origins: Sequence[str] | None = (),
        api_refusal: ApiRefusal | None = None,
        base: str = "",
    ) -> None:
        """Wraps an application.

        Args:
            hosts: names that are answered to besides localhost and addresses in numbers; `*.example.com` stands for all
                names that end so, `*` for every name.
            origins: foreign origins, such as https://example.com, whose pages may connect; None for every origin.
            api_refusal: makes the answer to a refused request for an address of the API; by default it is plain text.
            base: path below which Streamlit serves the pages.
        """
        self.app = app
        self.hosts = tuple(hosts)
        self.origins = origins
        self.api_refusal = api_refusal
        self.base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 403."""
        headers = Headers(scope=scope) if scope["type"] in ("http", "websocket") else Headers()
        host = headers.get("host")
        own = host is None or is_own_host(host, self.hosts)
        # Streamlit refuses foreign pages, too, but first asks a server on the internet for its own address
        if own and (scope["type"] != "websocket" or self._may_connect(headers.get("origin"), host)):
            await self.app(scope, receive, send)
        else:
            OwnHosts.refused += 1
            await refuse(scope, receive, send, self._refusal(scope["path"], str(host)))

    def _refusal(self, path: str, host: str) -> Response:
        what, fix = _why_refused(host)
        if self.api_refusal and is_of_api(path, self.base):
            return self.api_refusal(path, what, fix)
        return PlainTextResponse(f"{what} {fix}\n", 403)

    def _may_connect(self, origin: str | None, host: str | None) -> bool:
        if origin is None or self.origins is None or origin in self.origins:
            return True
        return names_host(origin, host)


def own_names(local: bool, named: Iterable[str] = ()) -> tuple[str, ...]:
    """The names that a server answers to besides localhost and addresses in numbers.

    Args:
        local: only this machine can reach the server.
        named: names that the operator gave.

    Returns:
        The operator's names. If other machines can reach the server, also the name of this machine in its network.
    """
    if local:
        return tuple(named)
    full = socket.gethostname().lower()
    short = full.partition(".")[0]
    return (*named, f"{short}.local", short, full)


def names_host(origin: str, host: str | None) -> bool:
    """True if an `Origin` header names the host and the port of a `Host` header. One that is malformed names none."""
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def is_own_host(host: str, hosts: Sequence[str] = ()) -> bool:
    """True if a `Host` header, with or without a port, is localhost, an address in numbers, or one of these names."""
    name = _name(host)
    if not name:
        return False
    if name == "localhost" or name.endswith(".localhost") or _is_address(name):
        return True
    return any(
        name.endswith(own[1:]) if own.startswith("*.") else own in (ANY, name)
        for own in (each.lower() for each in hosts)
    )


def _name(host: str) -> str:
    """The name in a `Host` header, in lower case; "" if the header is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 - raises ValueError
    except ValueError:
        return ""
    name = (parts.hostname or "").rstrip(".")
    return name if parts.netloc == host and "@" not in host and _NAME.fullmatch(name) else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _why_refused(host: str) -> tuple[str, str]:
    """What is wrong with a `Host` header, and what to do."""
    name = _name(host)
    if not name:
        return (
            "The Host header of this request is not a name or an address.",
            "Send the name or the IP address of the server in it.",
        )
    return (
        f"This dashboard does not answer to the name {name}, because a page of another site could use it to reach the "
        "dashboard through your browser.",
        "Open the dashboard by its IP address, or as localhost on its own machine. If the name is right, start the "
        f"dashboard with the option `--allow-host {name}` or with `DASHBOARD_ALLOWED_HOSTS={name}` in its environment "
        "or .env file.",
    )
