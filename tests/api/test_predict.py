from __future__ import annotations

import io
from base64 import b64decode, b64encode

import numpy as np
import pytest
from httpx import Response
from PIL import Image
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.api.serving import both, mounts
from dashboard.core.database import limited_connection
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DashboardError, ModelError, WorkerError
from dashboard.core.explanations.methods import METHODS
from dashboard.core.explanations.records import Explanation, MapRequest
from dashboard.core.history.stored_explainer import StoredExplainer
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from dashboard.schemas.predictions import RankedPrediction
from dashboard.services import Services, services_of
from tests.conftest import encoded, picture
from tests.postgres import Postgres

V1 = "/api/v1"
PNG = {"Content-Type": "image/png"}


def test_the_answer_is_that_of_the_command_line(
    client: TestClient, opened: Services, tiny_version: ModelVersion, image: bytes
) -> None:
    response = client.post(f"{V1}/predict", params={"top_k": 2, "name": "cat.png"}, content=image, headers=PNG)
    assert response.status_code == 200
    [found] = response.json()["predictions"]
    [answer] = opened.inference.predict(tiny_version, [image])
    assert isinstance(answer, Prediction)
    expected = RankedPrediction.of("cat.png", tiny_version, answer, found["prediction_id"], False, 2).as_json()
    assert found["pred_probs"] == pytest.approx(expected.pop("pred_probs"), abs=1e-6)
    assert found["confidence"] == pytest.approx(expected.pop("confidence"), abs=1e-6)
    assert {name: found[name] for name in expected} == expected
    assert expected["sure"] is None
    ranked = sorted(found["pred_probs"].items(), key=lambda each: -each[1])[:2]
    assert [(each["label"], each["probability"]) for each in found["top"]] == ranked


def test_the_fit_is_used_told_and_kept(client: TestClient, opened: Services) -> None:
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = picture(5)
    itself, stretched = (
        client.post(f"{V1}/predict", content=encoded(each), headers=PNG).json() for each in (picture(5), wide)
    )
    for path in ("predict", "explain"):
        response = client.post(f"{V1}/{path}", params={"fit": "center-crop"}, content=encoded(wide), headers=PNG)
        [cropped] = response.json()["predictions"]
        assert cropped["fit"] == "center-crop"
        assert cropped["pred_probs"] == pytest.approx(itself["predictions"][0]["pred_probs"], abs=1e-5)
        assert opened.history.flush(10)
        kept = client.get(f"{V1}/history", params={"limit": 1}).json()["predictions"]
        assert [(each["prediction_id"], each["fit"]) for each in kept] == [(cropped["prediction_id"], "center-crop")]
    assert stretched["predictions"][0]["fit"] == "stretch"
    assert client.post(f"{V1}/predict", params={"fit": "squeeze"}, content=b"x", headers=PNG).status_code == 422


def test_the_same_images_in_a_form_in_json_and_alone(client: TestClient, image: bytes) -> None:
    alone = client.post(f"{V1}/predict", content=image, headers=PNG).json()["predictions"][0]
    form = client.post(f"{V1}/predict", files=[("files", ("a.png", image)), ("files", ("b.png", image))])
    coded = client.post(f"{V1}/predict", json={"images": [{"name": "c", "data": b64encode(image).decode()}]})
    found = [*form.json()["predictions"], *coded.json()["predictions"]]
    assert [each["file"] for each in found] == ["a.png", "b.png", "c"]
    for each in found:
        assert each["predicted_label"] == alone["predicted_label"]
        assert each["pred_probs"] == pytest.approx(alone["pred_probs"], abs=1e-6)


def test_how_the_pixels_were_made_is_told(client: TestClient, image: bytes) -> None:
    pictures = [Image.fromarray(picture(seed)) for seed in (1, 2)]
    animation = encoded(pictures[0], "GIF", save_all=True, append_images=pictures[1:])
    wide = encoded(picture(1, 192, 32))
    files = [
        ("files", (name, data)) for name, data in (("still.png", image), ("moving.gif", animation), ("wide.png", wide))
    ]
    for path in ("predict", "predict", "explain"):  # the second answer was stored
        still, moving, squeezed = client.post(f"{V1}/{path}", files=files).json()["predictions"]
        assert still["notes"] == [] and moving["notes"] == ["Only the first frame is used."]
        assert "was reduced 6 times more than its height" in squeezed["notes"][0]


def test_a_picture_with_little_to_see_is_cautioned_about(client: TestClient) -> None:
    board = encoded((np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8))
    for path in ("predict", "predict", "explain"):  # the second answer was stored
        [answer] = client.post(f"{V1}/{path}", content=board, headers=PNG).json()["predictions"]
        size, colours = answer["notes"]
        assert "only 8x8 pixels" in size and "3 colours or fewer" in colours


def test_one_bad_image_of_several_leaves_the_others(client: TestClient, image: bytes) -> None:
    response = client.post(f"{V1}/predict", files=[("files", ("good.png", image)), ("files", ("bad.png", b"text"))])
    good, bad = response.json()["predictions"]
    assert response.status_code == 200 and good["file"] == "good.png" and "confidence" in good
    assert bad["file"] == "bad.png" and bad["error"]["code"] == "not_an_image" and bad["error"]["fix"]


@pytest.mark.parametrize(
    ("content", "headers", "params", "status", "code"),
    [
        (b"text", PNG, {}, 422, "not_an_image"),
        (b"", PNG, {}, 422, "empty"),
        (b"{}", {"Content-Type": "application/json"}, {}, 422, "request"),
        (b'{"images": [{"data": "!!"}]}', {"Content-Type": "application/json"}, {}, 422, "request"),
        (b"[" * 100_000, {"Content-Type": "application/json"}, {}, 422, "request"),
        (b"x", PNG, {"model": "nothing"}, 404, "model_unknown"),
        (b"x", PNG, {"explain": "x-ray"}, 422, "method_unknown"),
        (b"x", PNG, {"target": "cat"}, 422, "request"),
        (b"x", PNG, {"top_k": 0}, 422, "request"),
        (b"x", PNG, {"threshold": 1.5}, 422, "request"),
        (b"x", PNG, {"explain": "grad-cam", "target": "sofa"}, 422, "choice"),
        (b"x" * (2**20 + 1), PNG, {}, 413, "too_large"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_with_a_way_out(
    client: TestClient, content: bytes, headers: dict[str, str], params: dict[str, str], status: int, code: str
) -> None:
    response = client.post(f"{V1}/predict", content=content, headers=headers, params=params)
    found = response.json()
    assert (response.status_code, found["code"], found["status"]) == (status, code, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert found["detail"] and found["type"] == f"urn:classifier-dashboard:{code}"


def test_a_body_without_a_stated_length_has_a_limit_too(client: TestClient) -> None:
    response = client.post(f"{V1}/predict", content=(b"x" * 2**16 for _ in range(17)), headers=PNG)
    assert response.status_code == 413 and response.json()["code"] == "too_large"


def test_a_request_has_a_largest_number_of_images(client: TestClient, image: bytes) -> None:
    for count, status in ((8, 200), (9, 413)):
        response = client.post(f"{V1}/predict", files=[("files", ("a.png", image))] * count)
        assert response.status_code == status


def test_the_threshold_says_what_is_sure(client: TestClient, image: bytes) -> None:
    def ask(threshold: float | None) -> object:
        params = {} if threshold is None else {"threshold": threshold}
        return client.post(f"{V1}/predict", content=image, params=params, headers=PNG).json()["predictions"][0]["sure"]

    assert [ask(0.0), ask(1.0), ask(None)] == [True, False, None]


def test_maps_have_values_and_a_picture(client: TestClient, image: bytes) -> None:
    response = client.post(
        f"{V1}/explain", content=image, headers=PNG, params={"method": ["grad-cam", "layer-cam"], "target": "cat"}
    )
    [found] = response.json()["predictions"]
    assert [each["method"] for each in found["explanations"]] == ["grad-cam", "layer-cam"]
    for each in found["explanations"]:
        values = np.array(each["heatmap"]["values"])
        assert list(values.shape) == each["grid"] and values.min() >= 0 and values.max() <= 1
        assert each["target_label"] == "cat"
        with Image.open(io.BytesIO(b64decode(each["overlay_png"]))) as picture:
            assert picture.size == (512, 512)
    short = client.post(f"{V1}/predict", content=image, headers=PNG, params={"explain": "grad-cam", "target": "cat"})
    [same] = short.json()["predictions"][0]["explanations"]
    assert same["heatmap"] == found["explanations"][0]["heatmap"]


def test_every_method_can_be_asked_for(client: TestClient, image: bytes) -> None:
    response = client.post(f"{V1}/explain", content=image, headers=PNG, params={"method": [*METHODS]})
    assert [each["method"] for each in response.json()["predictions"][0]["explanations"]] == [*METHODS]


@pytest.mark.parametrize(
    ("error", "alone"),
    [
        (ModelError("The map is not finite.", "Choose occlusion.", "map_not_finite"), 422),
        (WorkerError("Its worker ended.", "Leave it out.", "worker_lost"), 503),
    ],
)
@pytest.mark.parametrize("path", ["/explain", "/predict?explain=grad-cam"])
def test_one_image_of_several_that_cannot_be_explained_leaves_the_others(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, error: DashboardError, alone: int, path: str
) -> None:
    files = [encoded(picture(seed)) for seed in range(60, 63)]
    explain_with(monkeypatch, {files[1]: error})
    response = client.post(f"{V1}{path}", files=[("files", (f"{n}.png", file)) for n, file in enumerate(files)])
    first, failed, last = response.json()["predictions"]
    assert response.status_code == 200 and first["explanations"] and last["explanations"]
    assert (failed["file"], failed["error"]["code"]) == ("1.png", error.code)
    assert client.post(f"{V1}{path}", content=files[1], headers=PNG).status_code == alone


@pytest.mark.parametrize("path", ["/explain", "/predict?explain=grad-cam"])
def test_an_error_about_every_image_is_told_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    files = [encoded(picture(seed)) for seed in range(63, 65)]
    explain_with(monkeypatch, {files[0]: WorkerError("No worker starts.", code="worker_unavailable")})
    response = client.post(f"{V1}{path}", files=[("files", (f"{n}.png", file)) for n, file in enumerate(files)])
    assert (response.status_code, response.json()["code"]) == (503, "worker_unavailable")


def explain_with(monkeypatch: pytest.MonkeyPatch, errors: dict[bytes, DashboardError]) -> None:
    """Makes the explainer raise these errors for these image files."""
    explain_all = StoredExplainer.explain_all

    def raising(own: StoredExplainer, version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
        if file in errors:
            raise errors[file]
        return explain_all(own, version, file, request)

    monkeypatch.setattr(StoredExplainer, "explain_all", raising)


def test_the_same_key_answers_once(client: TestClient, image: bytes) -> None:
    def ask(key: str, content: bytes, path: str = "/predict") -> tuple[int, str]:
        response = client.post(f"{V1}{path}", content=content, headers={**PNG, "Idempotency-Key": key})
        return response.status_code, response.text

    first = ask("one", image)
    assert first[0] == 200 and ask("one", image) == first  # with the time that it took
    assert ask("two", image)[0] == 200
    status, text = ask("one", image + b"x")
    assert status == 422 and "another request" in text
    assert ask("one", image, "/explain")[0] == 422
    assert ask("x" * 201, image)[0] == 422


def test_predictions_go_on_while_the_database_server_hangs(
    settings: Settings, postgres: Postgres, pool: WorkerPool, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_connection, "CONNECT_S", 1)
    monkeypatch.setattr(pool, "close", lambda: None)  # other tests use it
    url = SecretStr(postgres.new_database())
    changes = {"database_url": url, "allow_anyone_who_reaches_this_server_to_use_it": True}
    changed = settings.model_copy(update=changes)
    services = services_of(changed, pool)
    with TestClient(Starlette(routes=mounts(both(lambda: services, changed))), base_url="http://localhost") as client:

        def predict() -> Response:
            return client.post(f"{V1}/predict", content=image, headers={"Content-Type": "image/png"})

        assert predict().status_code == 200 and services.history.flush(20) and services.writer.flush(20)
        assert predict().json()["predictions"][0]["cached"]
        with postgres.hanging():
            for _ in range(3):
                answer = predict()
                assert answer.status_code == 200 and not answer.json()["predictions"][0]["cached"]
            assert services.history.waiting
        assert services.history.flush(30) and services.history.dropped == 0
    services.close()


def test_predictions_go_on_without_history_beside_a_database_of_another_encoding(
    settings: Settings, postgres: Postgres, pool: WorkerPool, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "close", lambda: None)  # other tests use it
    url = SecretStr(postgres.new_database("SQL_ASCII"))
    changes = {"database_url": url, "allow_anyone_who_reaches_this_server_to_use_it": True}
    changed = settings.model_copy(update=changes)
    services = services_of(changed, pool)
    with TestClient(Starlette(routes=mounts(both(lambda: services, changed))), base_url="http://localhost") as client:
        assert client.post(f"{V1}/predict", content=image, headers=PNG).status_code == 200
        refused = client.get(f"{V1}/history")
        assert refused.status_code == 503 and "its encoding is SQL_ASCII" in refused.json()["detail"]
    services.close()
