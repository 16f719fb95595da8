from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.testclient import TestClient

from dashboard.api import health, routes
from dashboard.api.health import Readiness
from dashboard.api.serving import both, mounts
from dashboard.core.errors import DashboardError, DatasetError, ModelError
from dashboard.core.models.registry import Registry
from dashboard.core.models.self_test import judge
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from dashboard.core.shell import ROOT
from dashboard.services import Services
from dashboard.web.access_log import AccessLog
from dashboard.web.hosts import OwnHosts
from dashboard.web.lazy import lazy_mounts
from dashboard.web.protected import Protected
from tests.asynchronous import run_async
from tests.core.colour_model import make_registry, make_samples

V1 = "/api/v1"


def test_models_and_their_cards(client: TestClient, tiny_version: ModelVersion) -> None:
    found = client.get(f"{V1}/models").json()
    assert [(each["name"], each["version"], each["active"]) for each in found["models"]] == [("tiny", "1", True)]
    card = client.get(f"{V1}/models/tiny/1").json()
    assert card["record"]["sha256"] == tiny_version.sha256 and card["class_names"] == list(tiny_version.class_names)
    assert card["error"] is None and found["models"][0]["error"] is None
    assert client.get(f"{V1}/models/tiny/9").json()["code"] == "model_unknown"


def test_a_folder_of_a_model_whose_name_is_no_utf8_is_listed_as_broken(
    opened: Services, settings: Settings, tmp_path: Path
) -> None:
    registry = make_registry(tmp_path)
    [version] = registry.versions()
    shutil.copytree(version.folder, version.folder.parent / "\udcff")
    anyone = settings.model_copy(update={"allow_anyone_who_reaches_this_server_to_use_it": True})
    app = Starlette(routes=mounts(both(lambda: replace(opened, registry=registry), anyone)))
    with TestClient(app, base_url="http://localhost") as client:
        found = client.get(f"{V1}/models").json()
    assert [each["version"] for each in found["models"]] == [version.version]
    assert [each["model"] for each in found["broken"]] == [f"{version.name}@\ufffd"]
    assert found["broken"][0]["error"]["code"] == "bad_name"


def test_a_damaged_model_is_told_in_the_list_and_on_its_card(
    opened: Services, settings: Settings, tmp_path: Path
) -> None:
    registry = make_registry(tmp_path)
    services = replace(opened, registry=registry)
    anyone = settings.model_copy(update={"allow_anyone_who_reaches_this_server_to_use_it": True})
    registry.active().file.write_bytes(b"damaged")
    with TestClient(Starlette(routes=mounts(both(lambda: services, anyone))), base_url="http://localhost") as client:
        [listed], card = client.get(f"{V1}/models").json()["models"], client.get(f"{V1}/models/colour/1").json()
    assert listed["error"] == card["error"] and listed["error"]["code"] == "checksum"
    assert "is cut off or damaged" in listed["error"]["message"] and "Restore the file" in listed["error"]["fix"]


def test_a_model_without_its_file_is_listed_as_broken_as_the_schema_and_the_readme_say(
    opened: Services, settings: Settings, tmp_path: Path
) -> None:
    registry = make_registry(tmp_path)
    registry.active().file.unlink()
    anyone = settings.model_copy(update={"allow_anyone_who_reaches_this_server_to_use_it": True})
    app = Starlette(routes=mounts(both(lambda: replace(opened, registry=registry), anyone)))
    with TestClient(app, base_url="http://localhost") as client:
        found = client.get(f"{V1}/models").json()
        described = client.get(f"{V1}/openapi.json").json()["components"]["schemas"]["Models"]["properties"]
    assert found["models"] == [] and [each["model"] for each in found["broken"]] == ["colour@1"]
    assert "without a file of the model" in described["broken"]["description"]
    [row] = [
        line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.startswith("| `GET /models`")
    ]
    assert all(f"`{name}`" in row for name in found)


def test_live_and_ready(client: TestClient) -> None:
    assert client.get(f"{V1}/live").json() == {"live": True}
    response = client.get(f"{V1}/ready")
    # random weights guess: the self-test says so, and the server is not ready
    assert response.status_code == 503 and "tiny@1" in response.json()["detail"]
    assert "doctor" in response.json()["fix"]
    assert client.head(f"{V1}/live").status_code == 200 and client.head(f"{V1}/ready").status_code == 503


def test_not_ready_without_a_model(opened: Services, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = replace(opened, registry=Registry(tmp_path_factory.mktemp("none")))
    with pytest.raises(DashboardError, match="There is no model"):
        run_async(Readiness().check(empty))


def test_not_ready_as_soon_as_the_file_is_damaged_and_ready_once_it_is_mended(
    opened: Services, settings: Settings, tmp_path: Path
) -> None:
    registry = make_registry(tmp_path / "models")
    make_samples(tmp_path / "samples-data" / "samples")
    own = settings.model_copy(update={"data_dir": tmp_path / "samples-data", "models_dir": registry.root})
    services, readiness = replace(opened, registry=registry, settings=own), Readiness()
    assert run_async(readiness.check(services)).model == "colour@1"
    file = registry.active().file
    whole = file.read_bytes()
    with file.open("r+b") as damaged:
        damaged.seek(len(whole) // 2)
        damaged.write(bytes(byte ^ 1 for byte in whole[len(whole) // 2 :][:4]))
    with pytest.raises(ModelError, match="checksum"):
        run_async(readiness.check(services))
    file.write_bytes(whole)
    assert run_async(readiness.check(services)).model == "colour@1"


def test_a_failed_self_test_is_not_repeated_with_every_request(
    opened: Services, tiny_version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests: list[object] = []
    monkeypatch.setattr(health, "judge", lambda *found: tests.append(found) or judge(*found))
    readiness = Readiness()
    for _ in range(3):
        with pytest.raises(DashboardError, match="tiny@1"):
            run_async(readiness.check(opened))
    assert len(tests) == 1


def test_a_server_whose_setting_names_no_model_is_not_ready_and_says_why(
    opened: Services, settings: Settings, image: bytes
) -> None:
    unknown = replace(opened, registry=Registry(settings.models_dir, "nope"))
    anyone = settings.model_copy(update={"allow_anyone_who_reaches_this_server_to_use_it": True})
    with TestClient(Starlette(routes=mounts(both(lambda: unknown, anyone))), base_url="http://localhost") as client:
        assert client.get(f"{V1}/ready").status_code == client.get("/v2/health/ready").status_code == 503
        refused = client.post(f"{V1}/predict", content=image, headers={"Content-Type": "image/png"})
        assert refused.status_code == 503 and refused.json()["code"] == "active_unknown"
        assert "DASHBOARD_MODEL" in refused.json()["detail"] and "DASHBOARD_MODEL" in refused.json()["fix"]
        named = client.post(f"{V1}/predict?model=tiny", content=image, headers={"Content-Type": "image/png"})
        assert named.status_code == 200


def test_not_ready_is_503_whatever_the_reason(
    opened: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> str:
        raise DatasetError("None of the sample images can be read.")

    monkeypatch.setattr(Readiness, "_self_test", unreadable)
    with TestClient(Starlette(routes=mounts(both(lambda: opened, settings))), base_url="http://localhost") as client:
        assert client.get(f"{V1}/ready").status_code == client.get("/v2/health/ready").status_code == 503


def test_a_server_that_can_no_longer_enter_its_data_folder_says_so(
    opened: Services, settings: Settings, image: bytes, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    own = settings.model_copy(update={"data_dir": tmp_path / "file"})
    services, reason = replace(opened, settings=own), f"The data folder {tmp_path / 'file'} cannot be entered: "
    with TestClient(Starlette(routes=mounts(both(lambda: services, own))), base_url="http://localhost") as client:
        ready, of_protocol = client.get(f"{V1}/ready"), client.get("/v2/health/ready")
        predicted = client.post(f"{V1}/predict", content=image, headers={"Content-Type": "image/png"})
        with_token = client.get(f"{V1}/evaluations", headers={"Authorization": "Bearer unknown"})
        assert client.get(f"{V1}/live").status_code == 200
    for answer in (ready, predicted, with_token):
        assert answer.status_code == 503 and answer.json()["detail"].startswith(reason)
        assert "DASHBOARD_DATA_DIR" in answer.json()["fix"]
    assert of_protocol.status_code == 503 and of_protocol.json()["error"].startswith(reason)


def test_polls_of_load_balancers_are_never_too_many_and_take_nothing_from_others(
    opened: Services, settings: Settings
) -> None:
    few = settings.model_copy(update={"api_requests_per_minute": 3})
    with TestClient(Starlette(routes=mounts(both(lambda: opened, few))), base_url="http://localhost") as client:
        for prefix, polled, other in (
            (V1, ("/live", "/ready", "/metrics"), "/models"), ("/v2", ("/health/live", "/health/ready"), "/models/tiny")
        ):  # fmt: skip
            for _ in range(2):
                assert {client.get(prefix + path).status_code for path in polled} <= {200, 503}
            assert [client.get(prefix + other).status_code == 429 for _ in range(4)] == [False, False, False, True]
            assert {client.get(prefix + path).status_code for path in polled} <= {200, 503}


def test_metrics_know_how_long_a_request_waited_for_the_start(opened: Services, settings: Settings) -> None:
    waited_s = 0.5

    def make() -> dict[str, FastAPI]:
        time.sleep(waited_s)
        return both(lambda: opened, settings)

    app = AccessLog(Starlette(routes=lazy_mounts([V1], make)))
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get(f"{V1}/live").status_code == 200
        families = text_string_to_metric_families(client.get(f"{V1}/metrics").text)
    [sample] = [
        sample
        for family in families
        for sample in family.samples
        if sample.name == "dashboard_http_request_seconds_sum" and sample.labels["route"] == "/live"
    ]
    assert sample.value >= waited_s


def test_metrics_count_requests_and_predictions(client: TestClient, image: bytes) -> None:
    def read() -> dict[tuple[str, str], float]:
        text = client.get(f"{V1}/metrics").text
        return {
            (sample.name, ",".join(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    before = read()
    for _ in range(3):
        client.post(f"{V1}/predict", content=image, headers={"Content-Type": "image/png"})
    client.get(f"{V1}/models/tiny/9")
    client.get(f"{V1}/some/path")
    assert client.get("/v2").status_code == client.get("/v2/models/tiny").status_code == 200
    keys = {"Idempotency-Key": "measured", "Content-Type": "image/png"}
    for _ in range(2):  # the second answer is a repeated one
        assert client.post(f"{V1}/predict", content=image, headers=keys).status_code == 200
    assert client.post(f"{V1}/evaluations/any/cancel", content=b"x" * 2**21).status_code == 413
    foreign = TestClient(OwnHosts(client.app), base_url="http://example.com")
    assert foreign.get(f"{V1}/models").status_code == 403
    after = read()

    def more(name: str, labels: str) -> float:
        return after[name, labels] - before.get((name, labels), 0.0)

    assert more("dashboard_http_requests_total", "POST,/predict,200") == 5
    assert more("dashboard_http_requests_total", "POST,/evaluations/{id}/cancel,413") == 1
    assert more("dashboard_http_requests_total", "GET,/v2,200") == 1
    assert more("dashboard_http_requests_total", "GET,/v2/models/{name},200") == 1
    assert more("dashboard_http_requests_total", "GET,/models/{name}/{version},404") == 1
    assert more("dashboard_http_requests_total", "GET,none,404") == 1
    assert more("dashboard_refused_hosts_total", "") == 1
    assert more("dashboard_prediction_confidence_count", "tiny@1") == 4
    assert sum(after["dashboard_workers", state] for state in ("starting", "idle", "busy", "failed")) == 1


def test_the_documentation_fetches_nothing_from_elsewhere(client: TestClient) -> None:
    text = client.get(f"{V1}/docs").text
    assert "https://" not in text and f"{V1}/static-offline-docs/swagger-ui-bundle.js" in text
    assert client.get(f"{V1}/static-offline-docs/swagger-ui-bundle.js").status_code == 200
    assert client.get(f"{V1}/openapi.json").json()["servers"] == [{"url": V1}]


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    for response, status in ((client.get(f"{V1}/nothing"), 404), (client.get(f"{V1}/predict"), 405)):
        assert response.status_code == response.json()["status"] == status
        assert response.headers["content-type"] == "application/problem+json"


def test_below_a_base_path_the_api_answers_too_and_decides_itself_who_may_use_it(opened: Services) -> None:
    app = Starlette(
        routes=[*routes(lambda: opened, lambda: True, base="dash"), Mount("/", PlainTextResponse("a page"))],
        middleware=[Middleware(AccessLog, base="dash"), Middleware(Protected, refusal=lambda _: "closed", base="dash")],
    )
    client = TestClient(app, base_url="http://localhost")
    for prefix in ("", "/dash"):
        for path in (f"{V1}/live", "/v2/health/live"):
            found = client.get(prefix + path)
            assert found.json() == {"live": True} and found.headers["X-Request-ID"]
        found = client.get(f"{prefix}{V1}/models")
        assert found.status_code == 401 and found.json()["code"] == "token_missing"
        assert f"{prefix}{V1}/openapi.json" in client.get(f"{prefix}{V1}/docs").text
    for path in ("/dash/api/v10", "/dashboard/api/v1/live", "/dash/dash/api/v1/live"):
        assert "closed" in client.get(path).text
