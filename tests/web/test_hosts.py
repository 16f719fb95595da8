"""The names that the server answers to, asked with real ASGI messages."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from dashboard.api import host_refusal
from dashboard.api.problems import Problem, ProblemOfProtocol
from dashboard.web.closed import Closed
from dashboard.web.headers import SafeHeaders, content_security_policy
from dashboard.web.hosts import OwnHosts, is_own_host, own_names
from tests.asynchronous import run_async


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"DENY")]})
    await send({"type": "http.response.body", "body": b"inner"})


def answer(app: Any, path: str = "/", kind: str = "http", **headers: str) -> list[dict[str, Any]]:
    """The messages that an application sends back."""
    sent: list[dict[str, Any]] = []

    async def ask() -> None:
        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await app({"type": kind, "path": path, "method": "GET", "headers": raw}, receive, send)

    run_async(ask())
    return sent


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8501",
        "a.localhost",
        "127.0.0.1:8501",
        "[::1]:8501",
        "10.1.2.3",
        "[fe80::1]",
        "localhost.",
    ],
)
def test_localhost_and_addresses_in_numbers_are_always_answered(host: str) -> None:
    assert is_own_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8501", "127.0.0.1.evil.example", "localhost.evil.example", "evillocalhost",
        "a@localhost", "localhost/x", "localhost?x", "localhost#x", "localhost:99999", "localhost:x", "", ":8501", "[::1",
        "0x7f.1", "127.1", "2130706433",
    ],
)  # fmt: skip
def test_other_names_and_malformed_headers_are_not(host: str) -> None:
    assert not is_own_host(host)


@pytest.mark.parametrize(
    ("hosts", "host", "own"),
    [
        (("dash.example.com",), "Dash.Example.com:443", True),
        (("dash.example.com",), "x.dash.example.com", False),
        (("*.example.com",), "dash.example.com", True),
        (("*.example.com",), "example.com", False),
        (("*.example.com",), "evilexample.com", False),
        (("*",), "anything.example", True),
        (("*",), "a@b", False),
    ],
)
def test_names_that_the_operator_gave(hosts: Sequence[str], host: str, own: bool) -> None:
    assert is_own_host(host, hosts) is own


def test_a_server_that_others_can_reach_also_has_the_name_of_its_machine() -> None:
    machine = socket.gethostname().lower()
    assert {machine, "a"} <= set(own_names(False, ["a"]))
    assert own_names(True, ["a"]) == ("a",)


def test_a_foreign_name_is_refused_with_a_way_out() -> None:
    start, body = answer(OwnHosts(_inner), host="dash.example.com:8501")
    assert start["status"] == 403
    text = body["body"].decode()
    assert "`--allow-host dash.example.com`" in text and "`DASHBOARD_ALLOWED_HOSTS=dash.example.com`" in text
    assert answer(OwnHosts(_inner, ["dash.example.com"]), host="dash.example.com")[1]["body"] == b"inner"
    assert answer(OwnHosts(_inner))[1]["body"] == b"inner"  # a health check of HTTP/1.0; browsers always name the host
    assert b"<b>" not in answer(OwnHosts(_inner), host="<b>")[1]["body"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/v1/predict", Problem), ("/v2/models/tiny", ProblemOfProtocol), ("/v2", ProblemOfProtocol),
        ("/dash/api/v1/predict", Problem), ("/dash/v2", ProblemOfProtocol),
    ],
)  # fmt: skip
@pytest.mark.parametrize("host", ["dash.example.com:8501", "<b>"])
def test_a_program_is_refused_in_the_form_of_the_api(path: str, kind: type[Problem], host: str) -> None:
    start, body = answer(OwnHosts(_inner, api_refusal=host_refusal, base="dash"), path, host=host)
    assert (start["status"], dict(start["headers"])[b"content-type"]) == (403, b"application/problem+json")
    told = json.loads(body["body"])
    assert (told["status"], told["code"]) == (403, "host_unknown") and told["detail"] and told["fix"]
    assert told.keys() == kind.model_json_schema(mode="serialization")["properties"].keys()


def test_a_page_is_refused_in_plain_text() -> None:
    start, _ = answer(OwnHosts(_inner, api_refusal=host_refusal), "/api/v10", host="dash.example.com")
    assert dict(start["headers"])[b"content-type"].startswith(b"text/plain")


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"host": "localhost:8501"}, True),
        ({"host": "localhost:8501", "origin": "http://localhost:8501"}, True),
        ({"host": "localhost:8501", "origin": "http://localhost:3000"}, False),
        ({"host": "localhost:8501", "origin": "http://evil.example"}, False),
        ({"host": "localhost:8501", "origin": "null"}, False),
        ({"host": "localhost:8501", "origin": "http://[evil"}, False),
        ({"host": "localhost:8501", "origin": "https://portal.example"}, True),
        ({"host": "evil.example:8501", "origin": "http://evil.example:8501"}, False),
    ],
)
def test_only_own_pages_may_open_a_connection(headers: dict[str, str], accepted: bool) -> None:
    [message] = answer(OwnHosts(_inner, origins=["https://portal.example"]), kind="websocket", **headers)
    assert (message["type"] == "websocket.accept") is accepted


def test_headers_are_added_and_what_an_answer_says_itself_stays() -> None:
    start, _ = answer(SafeHeaders(_inner, content_security_policy(["a = 1"])))
    headers = dict(start["headers"])
    assert headers[b"x-content-type-options"] == b"nosniff" and headers[b"x-frame-options"] == b"DENY"
    policy = dict(rule.split(" ", 1) for rule in headers[b"content-security-policy"].decode().split("; "))
    assert policy["frame-ancestors"] == policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self' data:"  # the camera's photo
    # the hash of "a = 1", by: printf 'a = 1' | openssl dgst -sha256 -binary | base64
    assert "'sha256-tbwf/ZCRL7GL7259gJCRksemSSiWMgFW1n+68QTGVEo='" in policy["script-src"]
    assert "unsafe-inline" not in policy["script-src"]


@pytest.mark.parametrize(
    "path",
    ["/_stcore/metrics", "/_stcore/metrics/", "/base/_stcore/metrics", "/_stcore/agent/mcp", "//_stcore/agent/interact",
     "/base/_stcore/agent/openapi.json/", "/_stcore/agent"],
)  # fmt: skip
def test_closed_addresses_do_not_exist(path: str) -> None:
    assert answer(Closed(_inner), path)[0]["status"] == 404
    assert answer(Closed(_inner), "/_stcore/health")[0]["status"] == 200
