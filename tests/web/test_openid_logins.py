"""Who is told to have logged in with OpenID Connect. Streamlit's own routes and a provider answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit import config
from streamlit.auth_util import encode_provider_token
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_auth_routes import create_auth_routes

from dashboard.web.openid_logins import Claims, OpenIdLogins
from tests.e2e.oidc_provider import Provider, running_provider

BASE = "dash"
Told = list[tuple[Claims, str]]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    """A provider that Streamlit's secrets name."""
    before = config.get_option("secrets.files")
    with running_provider() as running:
        (tmp_path / "secrets.toml").write_text(running.secrets_of(f"http://testserver/{BASE}"))
        config.set_option("secrets.files", [str(tmp_path / "secrets.toml")])
        secrets_singleton._reset()
        yield running
    config.set_option("secrets.files", before)
    secrets_singleton._reset()


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def client(provider: Provider, told: Told) -> TestClient:
    middleware = [
        Middleware(SessionMiddleware, secret_key="x"),
        Middleware(OpenIdLogins, logged_in=lambda claims, address: told.append((claims, address)), base=BASE),
    ]
    app = Starlette(routes=[*create_auth_routes(BASE), WebSocketRoute("/stream", echo)], middleware=middleware)
    return TestClient(app, follow_redirects=False, client=("192.0.2.7", 5000))


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


def log_in(client: TestClient) -> str:
    """Logs in as a browser does; gives the last address, which a browser may ask for once more."""
    begun = client.get(f"/{BASE}/auth/login?provider={encode_provider_token('default')}")
    back = urlsplit(httpx.get(begun.headers["location"]).headers["location"])
    assert client.get(f"{back.path}?{back.query}").headers["location"] == f"/{BASE}/"
    return f"{back.path}?{back.query}"


@pytest.mark.parametrize("name", ["Ann", "n" * 9000])  # Streamlit splits a long cookie
def test_each_log_in_is_told_once(client: TestClient, provider: Provider, told: Told, name: str) -> None:
    provider.claims = {"sub": "1", "email": "ann@example.com", "name": name}
    last = log_in(client)
    [(claims, address)] = told
    assert (claims["email"], claims["name"], address) == ("ann@example.com", name, "192.0.2.7")
    client.get(last)
    assert len(told) == 1
    log_in(client)
    assert len(told) == 2


@pytest.mark.parametrize("name", ["Ann", "n" * 9000])
def test_a_log_out_ends_the_connections_of_other_tabs(client: TestClient, provider: Provider, name: str) -> None:
    """Streamlit reads the log-in only when a page is opened, so they went on with what they had open."""
    with client.websocket_connect("/stream") as nobodys:
        provider.claims = {"sub": "1", "name": name}
        log_in(client)
        with client.websocket_connect("/stream") as socket:
            socket.send_text("hello")
            assert socket.receive_text() == "hello"
            client.get(f"/{BASE}/auth/logout")
            socket.send_text("hello")
            assert ForwardMsg.FromString(socket.receive_bytes()).WhichOneof("type") == "auth_redirect"
            with pytest.raises(WebSocketDisconnect):
                socket.receive_text()
        client.get(f"/{BASE}/auth/logout")
        nobodys.send_text("hello")
        assert nobodys.receive_text() == "hello"


def test_a_log_in_that_fails_is_not_told(client: TestClient, provider: Provider, told: Told) -> None:
    provider.claims = {"sub": "1", "aud": "another client"}
    log_in(client)
    for query in ("", "?error=access_denied", "?code=1&state=invented"):
        client.get(f"/{BASE}/oauth2callback{query}")
    client.get(f"/{BASE}/auth/logout")
    assert told == []
