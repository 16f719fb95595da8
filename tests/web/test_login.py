from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.core.access.login import LASTS_S, Logins
from dashboard.core.access.password import Password
from dashboard.core.errors import AccessError, DashboardError
from dashboard.core.settings import Settings
from dashboard.web.login import Authenticator, Login, own_path
from dashboard.web.protected import Protected
from dashboard.web.proxies import BehindProxies

RIGHT = "a long password"


@pytest.fixture
def password(tmp_path: Path) -> Password:
    kept = Password(Settings(data_dir=tmp_path))
    kept.set(RIGHT)
    return kept


@pytest.fixture
def client(password: Password, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(served(password, tmp_path), base_url="http://localhost", follow_redirects=False) as opened:
        yield opened


def served(password: Password, folder: Path, base: str = "") -> Starlette:
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse("secret")

    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.send_text(await socket.receive_text())

    def refusal(typed: str, client: str) -> str:
        try:
            password.verify(typed, client)
        except AccessError as error:
            return str(error)
        return ""

    logins = Logins(folder, lambda: password.fingerprint)
    authenticator = Authenticator(
        lambda: password.is_set, refusal, logins.give, logins.is_valid, logins.end, lambda: logins.cookie_name, LASTS_S
    )
    return Starlette(
        routes=[WebSocketRoute("/stream", echo), Route("/{path:path}", page, methods=["GET", "POST"])],
        middleware=[Middleware(Login, authenticator=authenticator, base=base)],
    )


def log_in(client: TestClient, typed: str = RIGHT, **headers: str):
    return client.post("/login", data={"password": typed, "next": "/evaluate?run=1"}, headers=headers)


def test_a_page_asks_for_the_password_and_then_opens(client: TestClient) -> None:
    sent = client.get("/evaluate?run=1&x=%C3%BC", headers={"Accept": "text/html"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2Fevaluate%3Frun%3D1%26x%3D%25C3%25BC")
    form = client.get(sent.headers["location"])
    assert 'value="/evaluate?run=1&amp;x=%C3%BC"' in form.text and form.headers["cache-control"] == "no-store"
    assert client.get("/anything").status_code == 401
    opened = log_in(client)
    assert (opened.status_code, opened.headers["location"]) == (303, "/evaluate?run=1")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age=604800" in cookie and "Secure" not in cookie
    assert client.get("/anything").text == "secret"


def test_the_cookie_is_for_https_only_where_the_browser_speaks_it(client: TestClient) -> None:
    assert "Secure" in log_in(client, **{"X-Forwarded-Proto": "https"}).headers["set-cookie"]


def test_a_wrong_password_is_told_and_a_few_tries_are_enough(client: TestClient) -> None:
    for _ in range(5):
        refused = log_in(client, "wrong <b>")
        assert refused.status_code == 403 and "The password is wrong." in refused.text and "<b>" not in refused.text
        assert "set-cookie" not in refused.headers
    refused = log_in(client)
    assert "5 wrong tries within a minute" in refused.text and "set-cookie" not in refused.headers


def test_wrong_tries_behind_a_trusted_proxy_count_for_who_made_them(password: Password, tmp_path: Path) -> None:
    behind = BehindProxies(served(password, tmp_path), ("10.0.0.5",))
    proxy = TestClient(behind, base_url="http://localhost", follow_redirects=False, client=("10.0.0.5", 5000))
    for invented in range(6):  # addresses before the last one do not count
        refused = log_in(proxy, "wrong", **{"X-Forwarded-For": f"1.2.3.{invented}, 203.0.113.9"})
    assert "Try again in" in refused.text
    assert log_in(proxy, **{"X-Forwarded-For": "203.0.113.8"}).status_code == 303


def test_a_new_password_ends_log_ins_and_open_connections(client: TestClient, password: Password) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://localhost/stream"):
        pass
    log_in(client)
    with client.websocket_connect("ws://localhost/stream") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
        password.set("another password")
        socket.send_text("hello")
        told = ForwardMsg.FromString(socket.receive_bytes())
        assert (told.WhichOneof("type"), told.auth_redirect.url) == ("auth_redirect", "")  # the page where it is
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()
    assert client.get("/anything").status_code == 401
    answer = client.get("/_stcore/host-config")
    assert (answer.status_code, answer.json()) == (401, "Your log-in has ended. Reload the page to log in.")


def test_logging_out_ends_the_connections_of_other_tabs(client: TestClient) -> None:
    """They went on with what they had open, because the log-in itself still counted."""
    log_in(client)
    with client.websocket_connect("ws://localhost/stream") as socket:
        cookie = dict(client.cookies)
        client.post("/logout")
        socket.send_text("hello")
        assert ForwardMsg.FromString(socket.receive_bytes()).WhichOneof("type") == "auth_redirect"
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()
    client.cookies.update(cookie)
    assert client.get("/anything").status_code == 401
    client.cookies.clear()
    log_in(client)
    assert client.get("/anything").status_code == 200


def test_logging_out_needs_a_form_of_this_site(client: TestClient) -> None:
    log_in(client)
    assert "Log out?" in client.get("/logout").text and client.get("/anything").status_code == 200
    for elsewhere in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert client.post("/logout", headers=elsewhere).status_code == 403
        assert log_in(client, **elsewhere).status_code == 403
    assert client.get("/anything").status_code == 200
    assert client.post("/logout", headers={"Origin": "http://localhost"}).headers["location"] == "/login"
    assert client.get("/anything").status_code == 401


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "\\\\evil.example", "evil",
     "/\n/evil.example", "javascript:alert(1)", "", "/ /evil.example", "/login?next=/login", "/logout"],
)  # fmt: skip
def test_no_log_in_leads_to_another_site(client: TestClient, wanted: str) -> None:
    sent = client.post("/login", data={"password": RIGHT, "next": wanted})
    assert (sent.status_code, sent.headers["location"]) == (303, "/")
    assert own_path(wanted, "/") == "/"


def test_a_forged_or_expired_log_in_counts_for_nothing(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = Logins(tmp_path, Password(Settings(data_dir=tmp_path))._hash)
    good = logins.give()
    assert logins.is_valid(good) and (tmp_path / "login.key").stat().st_mode & 0o077 == 0
    later = str(int(good.split(".")[0]) + 1) + good[good.index(".") :]
    for forged in ("", ".", "..", "ü", good[:-1], good + "0", later, "9" * 300, Logins(tmp_path / "x", str).give()):
        assert not logins.is_valid(forged), forged
    monkeypatch.setattr("time.time", lambda: int(good.split(".")[0]) + 1)
    assert not logins.is_valid(good)


def test_nobody_comes_in_while_the_password_cannot_be_read(client: TestClient, tmp_path: Path) -> None:
    log_in(client)
    (tmp_path / "password.txt").write_bytes(b"\xff\xfe")
    answer = client.get("/anything")
    assert answer.status_code == 503 and "password.txt" in answer.text


def test_without_a_password_nothing_is_asked(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "password.txt").unlink()
    assert client.get("/anything").text == "secret"
    assert client.get("/login").headers["location"] == "/"


def test_below_another_path(password: Password, tmp_path: Path) -> None:
    app = served(password, tmp_path, "dash")
    with TestClient(app, base_url="http://localhost", follow_redirects=False) as client:
        sent = client.get("/dash/evaluate", headers={"Accept": "text/html"})
        assert sent.headers["location"] == "/dash/login?next=%2Fdash%2Fevaluate"
        assert "path=/dash/" in client.post("/dash/login", data={"password": RIGHT}).headers["set-cookie"].lower()
        for elsewhere in ("/dash", "/", "/evaluate", "/dashes/x"):  # to which browsers do not send the cookie
            sent = client.get(elsewhere, headers={"Accept": "text/html"}).headers["location"]
            assert client.get(sent).headers["location"] == "/dash/"
        assert client.get("/_stcore/health").status_code == 401
        assert client.get("/dash/_stcore/health").status_code == 200


def test_a_server_that_others_reach_serves_no_pages_until_something_protects_it() -> None:
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse("secret")

    asked = []

    def refusal(port: int | None) -> str:
        asked.append(port)
        return str(DashboardError("Nothing protects it.", "Set a password."))

    app = Starlette(routes=[Route("/{path:path}", page)], middleware=[Middleware(Protected, refusal=refusal)])
    client = TestClient(app, base_url="http://localhost:8501")
    assert client.get("/").status_code == 403 and "Set a password." in client.get("/").text and asked == [8501] * 2
    assert client.get("/_stcore/health").text == client.get("/api/v1/live").text == "secret"
