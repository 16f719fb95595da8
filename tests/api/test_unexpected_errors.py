"""An error that nobody expects is a problem without internals, and its traceback is in the log of the server once."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from dashboard.api import _alone
from dashboard.api.serving import V1, V2, both, mounts
from dashboard.core.models.registry import Registry
from dashboard.core.settings import Settings
from dashboard.services import Services
from dashboard.web.access_log import AccessLog

SECRET = "/home/ann/secret.json"


@pytest.fixture
def address(opened: Services, settings: Settings) -> Iterator[str]:
    """A server on this machine."""
    app = Starlette(routes=mounts(both(lambda: opened, settings)), middleware=[Middleware(AccessLog)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("path", [f"{V1}/models/x/1", f"{V2}/models/x"])
def test_it_is_a_problem_and_in_the_log_once(
    address: str, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(Registry, "get", fail)
    with caplog.at_level(logging.WARNING):
        answer = httpx.get(address + path, headers={"X-Request-ID": "mine"})
        until = time.monotonic() + 20
        while not any(each.exc_info for each in caplog.records) and time.monotonic() < until:
            time.sleep(0.01)
        assert httpx.get(f"{address}{V1}/live").status_code == 200, "and the server goes on"
    found = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert (found["status"], found["code"], found["request_id"]) == (500, "internal_server_error", "mine")
    assert found["detail"] and found["fix"] and SECRET not in answer.text and "ZeroDivision" not in answer.text
    assert ("error" in found) == (path.startswith(V2)) and found.get("error", found["detail"]).startswith(
        found["detail"]
    )
    traces = [each for each in caplog.records if each.exc_info]
    assert len(traces) == 1 and SECRET in str(traces[0].exc_info[1])  # type: ignore[index]


def test_a_package_that_cannot_be_imported_is_named_and_in_the_log_once_in_a_sentence(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ImportError("libnobody.so.1: cannot open shared object file")

    monkeypatch.setattr(Registry, "active", fail)
    answers = [
        httpx.get(f"{address}{path}", timeout=60) for path in (f"{V1}/ready", f"{V1}/ready", f"{V2}/health/ready")
    ]
    assert [answer.status_code for answer in answers] == [503] * 3
    for answer in answers:
        assert "libnobody.so.1" in answer.json()["detail"] and answer.json()["code"] == "dependency_broken"
    told = [each for each in caplog.records if "libnobody.so.1" in each.getMessage()]
    assert len(told) == 1 and not any(each.exc_info for each in caplog.records)


def test_an_api_without_pages_that_cannot_be_built_says_so_and_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.api.set_up_logs", lambda level, form: None)  # it would hold for later tests, too
    monkeypatch.setitem(sys.modules, "dashboard.api.serving", None)  # so that it cannot be imported
    with TestClient(_alone()) as client:  # type: ignore[arg-type]
        assert client.get(f"{V1}/live").json() == {"live": True}
        found = client.get(f"{V1}/models")
    assert found.status_code == 503 and "terminal" in found.json()["detail"]
