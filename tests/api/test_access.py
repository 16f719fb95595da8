from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from dashboard.api.serving import V1, both, mounts
from dashboard.core.access.reach import is_loopback
from dashboard.core.database.ids import now_utc
from dashboard.core.settings import Settings
from dashboard.services import Services

OPEN_TO_ALL = {"/live", "/ready", "/metrics", "/health/live", "/health/ready", "/"}  # told to load balancers


@pytest.fixture
def here(opened: Services, settings: Settings) -> Iterator[TestClient]:
    """A browser on this machine, and a server that listens there only."""
    app = Starlette(routes=mounts(both(lambda: opened, settings)))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with TestClient(app, base_url=f"http://127.0.0.1:{port}", client=("127.0.0.1", 5000)) as client:
            yield client


def routes(opened: Services, settings: Settings) -> list[tuple[str, str, str]]:
    """Every method and path of the API, with made-up values for what stands in braces."""
    found = []
    for mount, app in both(lambda: opened, settings).items():
        for path, methods in app.openapi()["paths"].items():
            found += [(method.upper(), mount, path) for method in methods]
    return found


def test_nothing_answers_a_stranger_without_a_token(stranger: TestClient, opened: Services, settings: Settings) -> None:
    asked = routes(opened, settings)
    assert len(asked) > 20
    for method, mount, path in asked:
        response = stranger.request(method, mount + path.replace("{", "").replace("}", ""))
        if path in OPEN_TO_ALL:
            assert response.status_code != 401, path
            continue
        assert response.status_code == 401, (method, mount, path, response.text)
        assert response.json()["code"] == "token_missing" and response.headers["www-authenticate"] == "Bearer"


def test_a_stranger_is_refused_before_the_request_is_looked_at(
    stranger: TestClient, opened: Services, settings: Settings
) -> None:
    for method, mount, path in routes(opened, settings):
        if path not in OPEN_TO_ALL:
            address = mount + path.replace("{n}", "x").replace("{", "").replace("}", "")
            response = stranger.request(
                method, address, params={"bogus": "1", "limit": "x"}, content=b"{", headers={"Content-Type": "application/json"}
            )  # fmt: skip
            assert response.status_code == 401, (method, mount, path, response.text)


def in_all_routers(found: Sequence[BaseRoute]) -> Iterator[BaseRoute]:
    for route in found:
        router = getattr(route, "original_router", None)  # newer versions of FastAPI include a router as one route
        yield from in_all_routers(router.routes) if router else [route]


def test_every_route_says_which_scope_it_needs(opened: Services, settings: Settings) -> None:
    for app in both(lambda: opened, settings).values():
        declared = {
            route.path: [each.call.scope for each in route.dependant.dependencies if hasattr(each.call, "scope")]  # type: ignore[union-attr]
            for route in in_all_routers(app.routes)
            if isinstance(route, APIRoute) and route.include_in_schema
        }
        assert all(scopes or path in OPEN_TO_ALL for path, scopes in declared.items()), declared
        assert declared.keys() == app.openapi()["paths"].keys()


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [("predict", "/models", 200), ("predict", "/evaluations", 403), ("evaluate", "/evaluations", 200),
     ("evaluate", "/models", 403), ("admin", "/evaluations", 200), ("admin", "/models", 200)],
)  # fmt: skip
def test_a_token_opens_what_its_scope_says(
    stranger: TestClient, opened: Services, scope: str, path: str, status: int
) -> None:
    _, secret = opened.tokens.create(f"for {scope}", [scope])
    response = stranger.get(V1 + path, headers={"Authorization": f"Bearer {secret}"})
    assert response.status_code == status
    if status == 403:
        assert response.json()["code"] == "scope_missing"


def test_tokens_that_no_longer_work(stranger: TestClient, opened: Services) -> None:
    token, secret = opened.tokens.create("short", ["predict"], now_utc() + timedelta(days=1))
    header = {"Authorization": f"Bearer {secret}"}
    assert stranger.get(f"{V1}/models", headers=header).status_code == 200
    opened.tokens.revoke(token.token_id)
    assert stranger.get(f"{V1}/models", headers=header).json()["code"] == "token_revoked"
    for wrong in (secret[:-1], "x", "ü", secret + "x"):
        response = stranger.get(f"{V1}/models", headers={"Authorization": f"Bearer {wrong}".encode()})
        assert (response.status_code, response.json()["code"]) == (401, "token_unknown")


def test_an_answer_is_not_given_again_to_who_may_not_have_it_any_more(
    stranger: TestClient, opened: Services, image: bytes
) -> None:
    token, secret = opened.tokens.create("leaver", ["predict"])
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "once", "Content-Type": "image/png"}

    def ask() -> tuple[int, str]:
        response = stranger.post(f"{V1}/predict", headers=headers, content=image)
        return response.status_code, response.text

    first = ask()
    assert first[0] == 200 and ask() == first
    opened.tokens.revoke(token.token_id)
    status, text = ask()
    assert status == 401 and "token_revoked" in text


def test_once_the_pages_need_a_log_in_answers_are_not_given_again_without_a_token(
    opened: Services, settings: Settings, image: bytes
) -> None:
    anyone = settings.model_copy(update={"allow_anyone_who_reaches_this_server_to_use_it": True})
    log_in: list[bool] = []
    app = Starlette(routes=mounts(both(lambda: opened, anyone, lambda: bool(log_in))))
    client = TestClient(app, base_url="http://localhost")
    headers = {"Idempotency-Key": "nobody", "Content-Type": "image/png"}
    asked = [client.post(f"{V1}/predict", headers=headers, content=image)]
    log_in.append(True)
    asked.append(client.post(f"{V1}/predict", headers=headers, content=image))
    assert [each.status_code for each in asked] == [200, 401]


def test_a_page_of_another_server_cannot_use_the_browser_of_this_machine(here: TestClient) -> None:
    for origin, status in (
        ("http://evil.example", 401),
        ("null", 401),
        ("http://[evil", 401),
        (str(here.base_url), 200),
    ):
        assert here.get(f"{V1}/models", headers={"Origin": origin}).status_code == status


def test_addresses_of_this_machine() -> None:
    mine, others = (
        ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "localhost"),
        ("0.0.0.0", "::", "10.0.0.1", "", "x"),
    )
    assert all(map(is_loopback, mine)) and not any(map(is_loopback, others))


def test_a_server_that_others_can_reach_asks_this_machine_too(opened: Services, settings: Settings) -> None:
    app: Any = Starlette(routes=mounts(both(lambda: opened, settings)))
    for address, status in (("127.0.0.1", 200), ("0.0.0.0", 401)):
        with socket.create_server((address, 0)) as listening:
            port = listening.getsockname()[1]
            with TestClient(app, base_url=f"http://127.0.0.1:{port}", client=("127.0.0.1", 5000)) as client:
                assert client.get(f"{V1}/models").status_code == status
