"""What the running server refuses, and what it tells browsers about its pages."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.e2e.dashboard_server import Server
from tests.e2e.listening import Listener
from tests.e2e.test_walkthrough import choose_sample, open_page

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    text: str


def ask(server: Server, path: str, **headers: str) -> Answer:
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=30)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode(errors="replace"))


@pytest.mark.parametrize("path", ["/", "/evaluate", "/_stcore/health", "/media/x.png", "/_stcore/upload_file/a/b"])
def test_a_foreign_name_gets_no_page_and_no_file(server: Server, path: str) -> None:
    refused = ask(server, path, Host="evil.example")
    assert refused.status == 403 and "DASHBOARD_ALLOWED_HOSTS" in refused.text
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api/v1/models", "/v2"])
def test_a_foreign_name_is_refused_by_the_api_in_its_own_form(server: Server, path: str) -> None:
    refused = ask(server, path, Host="evil.example")
    assert refused.status == 403 and refused.headers["Content-Type"] == "application/problem+json"
    assert "DASHBOARD_ALLOWED_HOSTS" in json.loads(refused.text)["fix"]


@pytest.mark.parametrize("path", ["/", "/evaluate", "/_stcore/health", "/favicon.png", "/nowhere/at/all"])
def test_every_answer_has_the_headers(server: Server, path: str) -> None:
    found = ask(server, path, Host="127.0.0.1")
    assert found.status == 200
    assert "frame-ancestors 'self'" in found.headers["Content-Security-Policy"]
    for name in ("X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy"):
        assert found.headers[name]


@pytest.mark.parametrize("path", ["metrics", "agent/interact", "agent/mcp", "agent/openapi.json"])
def test_addresses_of_streamlit_that_nobody_needs_are_closed(server: Server, path: str) -> None:
    for before in ("", "/", "/somewhere"):
        assert ask(server, f"{before}/_stcore/{path}").status == 404


def test_the_documentation_of_the_api_works_under_the_policy(browser, server: Server) -> None:
    page = browser.new_page()
    listener = Listener(page, server.url)
    page.goto(f"{server.url}/api/v1/docs")
    page.get_by_text("/predict", exact=True).first.wait_for()
    page.locator("#operations-predict-predict").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").first.wait_for()
    assert listener.complaints == []
    page.close()


@pytest.mark.parametrize(
    ("name", "origin"),
    [("127.0.0.1", "http://evil.example"), ("127.0.0.1", "http://localhost:3000"), ("evil.example", None)],
)
def test_foreign_pages_cannot_connect(server: Server, name: str, origin: str | None) -> None:
    parts = urlsplit(server.url)
    address = f"ws://{name}:{parts.port}/_stcore/stream"
    with (
        socket.create_connection((parts.hostname, parts.port)) as sock,
        pytest.raises(InvalidStatus) as refused,
    ):
        connect(address, sock=sock, origin=origin, proxy=None)
    assert refused.value.response.status_code == 403


def test_own_clients_can_connect(server: Server) -> None:
    with connect(server.url.replace("http", "ws") + "/_stcore/stream", origin=server.url, proxy=None):
        pass


def test_other_sites_cannot_show_the_dashboard_in_a_frame(browser, server: Server, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.html"
    foreign.write_text(f"<iframe src='{server.url}/'></iframe>")
    page = browser.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(foreign.as_uri())
    page.wait_for_timeout(1000)
    assert any("frame-ancestors" in text for text in said)
    assert page.frames[1].locator("[data-testid=stApp]").count() == 0
    page.close()


def test_downloads_are_attachments(page) -> None:
    open_page(page)
    choose_sample(page, "frog")
    page.locator(".st-key-download-result button").wait_for()
    with page.expect_response(lambda response: "/media/" in response.url and response.url.endswith(".json")) as got:
        page.locator(".st-key-download-result button").click()
    assert got.value.headers["content-disposition"].startswith("attachment")
