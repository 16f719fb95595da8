"""Middleware that finds out who asks when a reverse proxy passes requests on."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_LOOPBACK = ("127.0.0.0/8", "::1/128")


class BehindProxies:
    """Puts the client that a trusted proxy names in `X-Forwarded-For` in the place of the proxy."""

    def __init__(self, app: ASGIApp, trusted: Sequence[str] = ()) -> None:
        """`trusted`: addresses and networks of proxies, besides this machine."""
        self.app = app
        self.trusted = [ipaddress.ip_network(each) for each in (*_LOOPBACK, *trusted)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        if scope["type"] in ("http", "websocket") and (client := self._client(scope)):
            scope["client"] = (client, 0)
        await self.app(scope, receive, send)

    def _client(self, scope: Scope) -> str | None:
        """The last address in the header that no trusted proxy has.

        None: who asks is not a trusted proxy, or names nobody else, so the address of the connection counts. Others
        before the last one may be invented by the client.
        """
        peer = _address((scope.get("client") or ("",))[0])
        if peer is None or not self._is_trusted(peer):
            return None
        for text in reversed(",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")):
            address = _address(_without_port(text.strip()))
            if address is None:
                return None
            if not self._is_trusted(address):
                return str(address)
        return None

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in network for network in self.trusted)


def _address(text: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _without_port(text: str) -> str:
    """The address in `192.0.2.1:80` or `[2001:db8::1]:80`, which some proxies write."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
