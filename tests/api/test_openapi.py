"""What the OpenAPI documents say about every route, and whether it is so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboard.api.serving import V1, V2, both
from dashboard.core.settings import Settings
from dashboard.services import Services
from tests.api.test_access import OPEN_TO_ALL

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
Operation = tuple[str, str, dict[str, Any]]  # method, path and description


@pytest.fixture(params=[V1, V2])
def mount(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def document(mount: str, opened: Services, settings: Settings) -> dict[str, Any]:
    app = both(lambda: opened, settings)[mount]
    assert app.openapi() == app.openapi()
    return app.openapi()


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def refused(operation: dict[str, Any]) -> set[str]:
    return {status for status in operation["responses"] if status >= "400"}


def test_every_answer_has_a_body_and_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            if status < "400":
                assert bool(response.get("content")) == (status != "204"), (method, path, status)
            elif path != "/health/ready":  # the protocol says what it answers
                assert response["content"] == PROBLEM, (method, path, status)


@pytest.mark.usefixtures("by_its_name")
def test_commands_name_an_installed_dashboard_as_it_was_started(
    mount: str, opened: Services, settings: Settings
) -> None:
    told = json.dumps(both(lambda: opened, settings)[mount].openapi())
    assert "`classifier-dashboard tokens create`" in told and "python -m dashboard" not in told


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert named <= document["components"]["schemas"].keys()
    assert "$defs" not in text and "ValidationError" not in text


def test_every_route_says_how_it_refuses(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        expected = {"500"} if path in OPEN_TO_ALL - {"/"} else {"429", "500"}
        if path not in OPEN_TO_ALL:
            expected |= {"401", "403", "422", "503"}
        if method == "post":
            expected |= {"408", "409", "413", "422"}
            assert "requestBody" in operation or path.endswith("/cancel")
        if "{" in path:
            expected |= {"404", "422"}
        assert expected <= refused(operation), (method, path, expected - refused(operation))


def test_refusals_are_those_of_the_document(
    client: TestClient, stranger: TestClient, mount: str, document: dict[str, Any]
) -> None:
    schema = document["components"]["schemas"]["Problem"]
    for method, path, operation in operations(document):
        address = mount + re.sub("{n}", "0", path).replace("{", "").replace("}", "")
        answers = [] if path in OPEN_TO_ALL else [stranger.request(method, address)]
        if "{" in path:
            answers.append(client.request(method, address))
            answers.append(client.request(method, mount + re.sub(r"{n}|{\w+}", "x" * 101, path)))
        if method == "post":
            too_large = {"Content-Length": str(10**10)}
            answers.append(client.request(method, address, headers=too_large))
            answers.append(client.request(method, address, headers={"Idempotency-Key": "x" * 201}))
        for answer in answers:
            assert str(answer.status_code) in refused(operation), (method, path, answer.status_code)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json().keys() == schema["properties"].keys()
            assert "error" not in schema["properties"] or answer.json()["error"].startswith(answer.json()["detail"])


def test_the_inference_protocol_has_its_errors_where_its_clients_look(client: TestClient) -> None:
    refused = client.post("/v2/models/nope/infer", json={})
    found = refused.json()
    assert refused.status_code == 404 and found["code"] == "model_unknown"
    assert found["error"] == f"{found['detail']} {found['fix']}"
    unknown = client.get("/v2/nothing").json()
    assert unknown["error"].endswith("/v2/docs.")
    assert "error" not in client.get(f"{V1}/models/nope/1").json()
