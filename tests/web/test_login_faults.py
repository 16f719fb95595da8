"""What a browser and the log are told when the provider of a log-in cannot be used. Streamlit's own routes answer."""

from __future__ import annotations

import http.server
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.testclient import TestClient
from streamlit import config
from streamlit.auth_util import encode_provider_token
from streamlit.runtime.secrets import secrets_singleton
from streamlit.web.server.starlette.starlette_auth_routes import create_auth_routes

from dashboard.core.access.providers import why_failed, why_refused, why_unusable
from dashboard.web.login_faults import LoginFaults
from tests.e2e.oidc_provider import Provider, running_provider

STATUS_404, NO_JSON, NO_PROVIDER = "/404", "/text", "/empty"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """A server that is no provider."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if self.path == STATUS_404 else 200)
            self.end_headers()
            self.wfile.write(b"{}" if self.path == NO_PROVIDER else b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[TestClient]:
    """A browser before a server of which the test writes the secrets."""
    before = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(tmp_path / "secrets.toml")])
    secrets_singleton._reset()
    middleware = [
        Middleware(SessionMiddleware, secret_key="x"),
        Middleware(
            LoginFaults,
            why_unusable=why_unusable,
            why_failed=why_failed,
            why_refused=why_refused,
            pages=("history",),
            base="dash",
        ),
    ]
    yield TestClient(Starlette(routes=create_auth_routes("dash"), middleware=middleware), follow_redirects=False)
    config.set_option("secrets.files", before)
    secrets_singleton._reset()


def provider_at(url: str, folder: Path) -> str:
    """Makes this the address of the provider's metadata; gives the query with which a log-in begins."""
    (folder / "secrets.toml").write_text(
        f'[auth]\nredirect_uri = "http://testserver/dash/oauth2callback"\ncookie_secret = "{"x" * 32}"\n'
        f'client_id = "me"\nclient_secret = "s"\nserver_metadata_url = "{url}"\n'
    )
    return f"/dash/auth/login?provider={encode_provider_token('default')}"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:{closed}/x", "{url} cannot be reached: Connection refused."),
        ("http://no-such-host.invalid/x", "{url} cannot be reached: "),
        ("https://127.0.0.1:{open}/x", "{url} cannot be reached: [SSL"),
        ("{elsewhere}" + STATUS_404, "{url} answers with status 404."),
        ("{elsewhere}" + NO_JSON, "The address in server_metadata_url does not answer with the metadata of an"),
        (
            "{elsewhere}" + NO_PROVIDER,
            "The address in server_metadata_url does not answer with the metadata of an",
        ),
    ],
)
def test_a_provider_that_cannot_be_used_is_named_on_a_page_and_in_one_line_of_the_log(
    url: str, says: str, elsewhere: str, asked: TestClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = listening.getsockname()[1]
    url = url.format(closed=closed, open=elsewhere.rpartition(":")[2], elsewhere=elsewhere)
    answer = asked.get(provider_at(url, tmp_path), headers={"Referer": "http://testserver/dash/history?a=1&b=2"})
    assert answer.status_code == 503 and answer.headers["content-type"].startswith("text/html")
    assert f"You cannot log in at the moment. {says.format(url=url)}" in answer.text
    assert '<a href="/dash/history?a=1&amp;b=2">Try again</a>' in answer.text
    [line] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert says.format(url=url) in line.getMessage() and line.exc_info is None


def test_a_page_of_another_server_is_no_place_to_try_again(asked: TestClient, tmp_path: Path) -> None:
    begin = provider_at("http://127.0.0.1:1/x", tmp_path)
    for referer in ("", "http://testserver/dash/elsewhere", "http://[", "javascript:alert(1)"):
        assert '<a href="/dash/">Try again</a>' in asked.get(begin, headers={"Referer": referer}).text


@pytest.fixture
def provider(asked: TestClient, tmp_path: Path) -> Iterator[Provider]:
    """A provider that the secrets name."""
    with running_provider() as running:
        (tmp_path / "secrets.toml").write_text(running.secrets_of("http://testserver/dash"))
        yield running


def sent_back(asked: TestClient) -> str:
    """Logs in at the provider. Gives the address to which the browser is sent back then."""
    begun = asked.get(f"/dash/auth/login?provider={encode_provider_token('default')}")
    return httpx.get(begun.headers["location"]).headers["location"]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("access_denied", "The service that logs users in did not let you in, or you stopped there (access_denied)."),
        ("invalid_scope", "does not accept this dashboard: their settings do not fit together (invalid_scope)."),
        ("<b>own</b>", "The log of the server says why."),
    ],
)
def test_a_provider_that_sends_the_user_back_with_an_error_is_told(
    code: str, says: str, asked: TestClient, provider: Provider
) -> None:
    provider.refuses = code
    asked.cookies.set("dashboard_wanted", "/dash/history?a=1")
    answer = asked.get(sent_back(asked))
    assert answer.status_code == 403 and "The log-in failed. " in answer.text and says in answer.text
    assert "<b>" not in answer.text and "No." not in answer.text  # anybody can write a link with such a text
    assert '<a href="/dash/history?a=1">Try again</a>' in answer.text


@pytest.mark.parametrize(
    ("fault", "says", "in_one_line"),
    [
        ((503, b"busy"), "/token answers with status 503. ", True),
        ((400, b'{"error": "invalid_grant"}'), "does not know this log-in any more (invalid_grant).", True),
        ((401, b'{"error": "invalid_client"}'), "do not fit together (invalid_client).", True),
        ((200, b"<html>"), "The log of the server says why.", False),
        ((200, b"{}"), "The log of the server says why.", True),
    ],
)
def test_a_provider_that_gives_no_tokens_is_told(
    fault: tuple[int, bytes], says: str, in_one_line: bool, asked: TestClient, provider: Provider,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    address = sent_back(asked)
    provider.token_fault = fault
    asked.cookies.set("_streamlit_user", "of an earlier log-in")
    answer = asked.get(address)
    assert (
        answer.status_code == 503 and "The log-in failed. " in answer.text and says in answer.text.replace("</p>", " ")
    )
    assert any("_streamlit_user=" in each and "Max-Age=0" in each for each in answer.headers.get_list("set-cookie"))
    [line] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (line.exc_info is None) is in_one_line and "metadata" not in line.getMessage()


def test_a_log_in_that_was_begun_elsewhere_is_told_and_a_replay_leads_to_the_start(
    asked: TestClient, provider: Provider
) -> None:
    provider.claims = {"sub": "ann"}
    address = sent_back(asked)
    answer = TestClient(asked.app, follow_redirects=False).get(address)  # or 127.0.0.1 instead of localhost
    assert answer.status_code == 403 and "It was not begun in this browser at this address" in answer.text
    assert asked.get(address).headers["location"] == "/dash/"
    assert asked.get(address).headers["location"] == "/dash/"  # with Back in the browser


def test_a_fault_of_another_kind_keeps_its_traceback(
    asked: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr("authlib.integrations.starlette_client.StarletteOAuth2App.authorize_redirect", fail)
    answer = asked.get(provider_at("http://127.0.0.1:1/x", tmp_path))
    assert answer.status_code == 503 and "The log of the server says why." in answer.text
    [line] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.exc_info


def test_what_is_no_failed_log_in_passes(asked: TestClient, tmp_path: Path) -> None:
    provider_at("http://127.0.0.1:1/x", tmp_path)
    for path in ("/dash/auth/login", "/dash/oauth2callback"):  # without a provider, Streamlit leads to the start page
        assert asked.get(path).headers["location"] == "/dash/"
    assert asked.get("/dash/nothing").status_code == 404
