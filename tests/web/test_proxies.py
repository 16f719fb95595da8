"""Who asks, behind reverse proxies."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.web.proxies import BehindProxies
from tests.asynchronous import run_async

TRUSTED = ("10.0.0.5", "172.18.0.0/16", "2001:db8::/64")


def seen(peer: str, *forwarded: str, trusted: tuple[str, ...] = TRUSTED, kind: str = "http") -> str:
    """The client that an application behind the middleware sees."""
    found: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope["client"][0])

    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    scope = {"type": kind, "client": (peer, 4000), "headers": headers}
    run_async(BehindProxies(app, trusted)(scope, None, None))  # type: ignore[arg-type]
    return found[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.5", ["203.0.113.9"], "203.0.113.9"),
        ("::ffff:10.0.0.5", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("::1", ["2001:db8:1::9"], "2001:db8:1::9"),
        ("10.0.0.5", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # the client invented the first
        ("10.0.0.5", ["127.0.0.1, 203.0.113.9", "172.18.0.2"], "203.0.113.9"),
        ("10.0.0.5", ["203.0.113.9:5123"], "203.0.113.9"),
        ("10.0.0.5", ["[2001:db8:1::9]:5123"], "2001:db8:1::9"),
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", ["127.0.0.1"], "10.0.0.5"),  # nobody becomes this machine by a header
        ("10.0.0.5", ["localhost"], "10.0.0.5"),
        ("10.0.0.5", ["203.0.113.9, unknown"], "10.0.0.5"),
        ("203.0.113.7", ["1.2.3.4"], "203.0.113.7"),
        ("10.0.0.6", ["1.2.3.4"], "10.0.0.6"),
    ],
)
def test_the_last_address_that_is_no_trusted_proxy_asks(peer: str, forwarded: list[str], client: str) -> None:
    assert seen(peer, *forwarded) == client == seen(peer, *forwarded, kind="websocket")


def test_only_this_machine_is_trusted_unless_others_are_named() -> None:
    assert seen("10.0.0.5", "203.0.113.9", trusted=()) == "10.0.0.5"
    assert seen("127.0.0.1", "203.0.113.9", trusted=()) == "203.0.113.9"
