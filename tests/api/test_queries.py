"""A query parameter that a route does not know is refused."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from dashboard.core.settings import Settings
from dashboard.services import Services
from tests.api.test_access import routes

V1 = "/api/v1"
PNG = {"Content-Type": "image/png"}


def test_every_route_refuses_what_it_does_not_know(client: TestClient, opened: Services, settings: Settings) -> None:
    described = client.get(f"{V1}/openapi.json").json()
    assert "query parameter" in described["info"]["description"]
    asked = [each for each in routes(opened, settings) if each[1] == V1]
    assert len(asked) > 15
    for method, _, path in asked:
        address = V1 + path.replace("{id}", "x").replace("{n}", "1").replace("{name}", "x").replace("{version}", "1")
        body = {"prediction_id": "x", "is_right": True} if (method, path) == ("POST", "/feedback") else None
        response = client.request(method, address, params={"bogus": "1"}, json=body)
        problem = response.json()
        assert (response.status_code, problem["code"]) == (422, "request"), (method, path, problem)
        assert response.headers["content-type"] == "application/problem+json"
        assert problem["detail"] == "Unknown query parameter: 'bogus'."
        operation = described["paths"][path][method.lower()]
        assert "application/problem+json" in operation["responses"]["422"]["content"]
        names = sorted(each["name"] for each in operation.get("parameters", ()) if each["in"] == "query")
        known = ", ".join(f"`{name}`" for name in names)
        told = f"Known here: {known}." if names else "This address has no query parameters."
        assert problem["fix"].endswith(told), (method, path)


@pytest.mark.parametrize(
    ("method", "path", "query", "guess"),
    [
        ("POST", "/predict", "treshold=0.8", "`threshold`"),
        ("POST", "/explain", "methods=grad-cam&top-k=3", "`method` and `top_k`"),
        ("POST", "/evaluations", "labelsfrom=1", "`labels_from`"),
        ("GET", "/evaluations/x/rows", "wher=correct=no", "`where`"),
        ("GET", "/history", "Limit=3", "`limit`"),
    ],
)
def test_the_closest_name_is_told(client: TestClient, method: str, path: str, query: str, guess: str) -> None:
    response = client.request(method, f"{V1}{path}?{query}", content=b"x" if method == "POST" else b"", headers=PNG)
    assert response.status_code == 422
    assert response.json()["fix"].startswith(f"Did you mean {guess}? Known here: ")


def test_a_text_in_a_form_of_images_is_refused(client: TestClient, image: bytes) -> None:
    response = client.post(f"{V1}/predict", files={"files": ("a.png", image)}, data={"threshold": "0.8"})
    assert response.status_code == 422 and "'threshold'" in response.json()["detail"]
    assert "query" in response.json()["fix"]


def test_the_inference_protocol_allows_parameters_of_its_clients(client: TestClient) -> None:
    assert client.get("/v2/health/live?trace=1").status_code == 200
