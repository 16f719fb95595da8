"""The log of a server, written by a real app."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.api.problems import problem
from dashboard.core.access.visitor import Visitor
from dashboard.web.access_log import AccessLog
from dashboard.web.logs import set_up_logs

TEXT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 (?P<level>[A-Z]+) (?P<logger>[a-z.]+): (?P<message>.*)"
)


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (None, "dashboard", "uvicorn.error", "uvicorn.access")]
    before = [(each, [*each.handlers], each.propagate, each.level) for each in loggers]
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)  # as the server sets it, unless it is told another one
    yield
    for logger, handlers, propagate, level in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def answer(request: Request) -> PlainTextResponse:
    request.state.visitor = Visitor('token "camera"')
    if request.url.path.endswith("broken"):
        raise ZeroDivisionError
    return problem(507, "storage", "full") if request.url.path.endswith("full") else PlainTextResponse("well")  # type: ignore[return-value]


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/{path:path}", answer, methods=["GET", "POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(AccessLog)])
    return TestClient(app, raise_server_exceptions=False, client=("192.0.2.7", 5000))


def test_each_request_of_the_api_is_a_line(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", "text")
    assert client.post("/api/v1/pre%1Bdict?token=secret").status_code == 200
    for path in ("/", "/static/js/index.js", "/_stcore/health"):
        client.get(path)
    client.get("/login")
    client.get("/v2/full")
    client.get("/api/v1/broken")
    told = [TEXT.fullmatch(line) for line in capsys.readouterr().err.splitlines()]
    lines = [each for each in told if each]
    assert len(told) == len(lines) and {each["logger"] for each in lines} == {"dashboard.access"}
    assert [each["level"] for each in lines] == ["INFO", "INFO", "WARNING", "WARNING"]
    fields = r'(?P<ms>\d+\.\d) ms client=192\.0\.2\.7 user="token \\"camera\\"" request=[0-9a-f]{16}'
    starts = ["POST /api/v1/pre%1Bdict 200", "GET /login 200", "GET /v2/full 507", "GET /api/v1/broken 500"]
    for each, start in zip(lines, starts, strict=True):
        assert re.fullmatch(f"{re.escape(start)} {fields}", each["message"]), each["message"]


def test_a_request_keeps_its_id_if_that_is_sane(client: TestClient) -> None:
    given = client.get("/api/v1/full", headers={"X-Request-ID": "my.id-7"})
    assert given.headers["x-request-id"] == "my.id-7" == given.json()["request_id"]
    for strange in ("a b", "x" * 65, 'id"}', ""):
        made = client.get("/api/v1/full", headers={"X-Request-ID": strange})
        assert re.fullmatch("[0-9a-f]{16}", made.json()["request_id"])
        assert made.headers["x-request-id"] == made.json()["request_id"]
    assert "x-request-id" not in client.get("/").headers


def test_lines_as_json(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", "json")
    client.get("/api/v1/models")
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.getLogger("dashboard.core").exception("It %s.\nTwice", "failed")
    access, failed = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (access["method"], access["path"], access["status"], access["client"]) == (
        "GET",
        "/api/v1/models",
        200,
        "192.0.2.7",
    )
    assert access["user"] == 'token "camera"' and access["ms"] >= 0 and len(access["request_id"]) == 16
    assert (failed["level"], failed["logger"], failed["message"]) == ("ERROR", "dashboard.core", "It failed.\nTwice")
    assert "ZeroDivisionError" in failed["traceback"] and datetime.fromisoformat(failed["time"]).tzinfo


def test_lines_of_a_lower_level_are_left_out_and_others_have_the_same_form(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    server = logging.getLogger("uvicorn.error")
    server.addHandler(logging.StreamHandler())
    set_up_logs("warning", "text")
    client.get("/api/v1/models")
    server.warning("Ended \x1b[31m")
    [line] = capsys.readouterr().err.splitlines()
    found = TEXT.fullmatch(line)
    assert found and (found["logger"], found["message"]) == ("uvicorn", r"Ended \x1b[31m")
    assert not logging.getLogger("uvicorn.access").hasHandlers()
