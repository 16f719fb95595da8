from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.web.return_after_login import ReturnAfterLogin

HOST = "http://localhost"


def opened(base: str = "") -> TestClient:
    """A browser before a server that answers to log-ins as Streamlit does."""
    prefix = f"/{base}" if base else ""

    async def begin(request: Request) -> RedirectResponse:
        return RedirectResponse("https://provider.example/authorize", 302)

    async def end(request: Request) -> RedirectResponse:
        return RedirectResponse(request.query_params.get("to", f"{prefix}/"), 302)

    app = Starlette(
        routes=[Route(f"{prefix}/auth/login", begin), Route(f"{prefix}/oauth2callback", end)],
        middleware=[Middleware(ReturnAfterLogin, pages=("history", "evaluate"), base=base)],
    )
    return TestClient(app, base_url=HOST, follow_redirects=False)


def led_to(client: TestClient, asked: str, base: str = "") -> str:
    """Where a log-in leads that begins at an address."""
    sent = client.get(f"{base}/auth/login", headers={"Referer": asked})
    assert sent.headers["location"] == "https://provider.example/authorize"
    return client.get(f"{base}/oauth2callback?code=1").headers["location"]


@pytest.mark.parametrize(
    "address",
    ["/history?source=page", "/?picture=sample%3Afrog&fit=pad", "/evaluate?run=1&where=a%3Bb,c;d&x=%22%C3%BC", "/"],
)
def test_a_log_in_leads_back_to_the_address_at_which_it_began(address: str) -> None:
    client = opened()
    assert led_to(client, HOST + address) == address
    assert not client.cookies and client.get("/oauth2callback").headers["location"] == "/"  # it counts once


def test_a_log_in_leads_back_below_another_path() -> None:
    assert led_to(opened("dash"), f"{HOST}/dash/history?source=page", "/dash") == "/dash/history?source=page"
    assert led_to(opened("dash"), f"{HOST}/history?source=page", "/dash") == "/dash/"


@pytest.mark.parametrize(
    "address",
    ["", "evil", "//evil.example", f"{HOST}//evil.example/history", f"{HOST}/\\evil.example", "https://evil.example/page",
     "javascript:alert(1)", "http://[", f"{HOST}/auth/logout", f"{HOST}/logout", f"{HOST}/api/v1/docs", f"{HOST}/history/x",
     f"{HOST}/history?x=\\", f"{HOST}/history?x={'x' * 5000}"],
)  # fmt: skip
def test_a_log_in_leads_to_no_other_address(address: str) -> None:
    client = opened()
    assert led_to(client, address) == "/"
    client.cookies.set("dashboard_wanted", f'"{address}"' if address.isprintable() else address)  # as if forged
    assert client.get("/oauth2callback").headers["location"] == "/"


def test_an_answer_that_leads_elsewhere_stays_as_it_is() -> None:
    client = opened()
    client.get("/auth/login", headers={"Referer": f"{HOST}/history"})
    assert (
        client.get("/oauth2callback?to=https://provider.example/error").headers["location"]
        == "https://provider.example/error"
    )


def test_the_cookie_is_not_for_scripts_and_ends_soon() -> None:
    cookie = opened().get("/auth/login", headers={"Referer": f"{HOST}/history"}).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Max-Age=600" in cookie
