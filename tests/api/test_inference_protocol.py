from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator

import numpy as np
import pytest
from starlette.testclient import TestClient

from dashboard.api.serving import both, mounts
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from dashboard.services import Services
from tests.conftest import encoded, picture
from tests.e2e.dashboard_server import free_port

INFER = "/v2/models/tiny/infer"
PICTURES = [picture(seed) for seed in range(3)]
FILES = [encoded(each) for each in PICTURES]


@pytest.fixture
def expected(opened: Services, tiny_version: ModelVersion) -> np.ndarray:
    answers = opened.inference.predict(tiny_version, FILES)
    return np.array([each.pred_probs for each in answers if isinstance(each, Prediction)])


def body(**tensor: object) -> dict[str, object]:
    return {"id": "7", "inputs": [{"name": "image", **tensor}]}


def test_pixels_and_encoded_files_as_json(client: TestClient, expected: np.ndarray) -> None:
    pixels = body(datatype="UINT8", shape=[3, 32, 32, 3], data=np.stack(PICTURES).ravel().tolist())
    files = body(datatype="BYTES", shape=[3], data=[b64encode(each).decode() for each in FILES])
    for order in (pixels, files):
        found = client.post(INFER, json=order).json()
        assert (found["model_name"], found["model_version"], found["id"]) == ("tiny", "1", "7")
        by_name = {each["name"]: each for each in found["outputs"]}
        assert by_name["pred_probs"]["shape"] == [3, 10]
        np.testing.assert_allclose(np.reshape(by_name["pred_probs"]["data"], (3, 10)), expected, atol=1e-5)
        assert len(by_name["predicted_label"]["data"]) == 3


@pytest.mark.parametrize(
    "order",
    [
        [],
        {},
        {"inputs": []},
        {"inputs": [1]},
        body(datatype="FP32", shape=[1, 32, 32, 3], data=[0.5] * 3072),
        body(datatype="UINT8", shape=[1, 32, 32], data=[1] * 1024),
        body(datatype="UINT8", shape=[2, 32, 32, 3], data=[1] * 3072),
        body(datatype="UINT8", shape=[1, 1, 1, 3], data=[1, 2, 300]),
        body(datatype="UINT8", shape=[1, 1, 1, 3], data=["x"]),
        body(datatype="UINT8", shape=[-1, 32, 32, 3], data=[]),
        body(datatype="UINT8", shape=[10**30, 1, 1, 3], data=[1]),
        body(datatype="UINT8", shape=[1, 1, 1, 3], data=[0.5, 0.5, 0.5]),
        body(datatype="UINT8", shape=[1, 1, 1, 3], data=["1", "2", "3"]),
        body(datatype="UINT8", shape=[1, 1, 1, 3], data=[1, 2, None]),
        body(datatype="UINT8", shape=[1, 1, 1, 3], data=[1, [2], 3]),
        body(datatype="UINT8", shape=[1, 1, 1, 3], data=[10**30, 2, 3]),
        body(datatype="UINT8", shape=[0, 1, 1, 3], data=[]),
        body(datatype="BYTES", shape=[0], data=[]),
        body(datatype="BYTES", shape=[2], data=[b64encode(FILES[0]).decode()]),
        body(datatype="BYTES", shape=[1], data=[["x"], "x"]),
        body(datatype="BYTES", shape=[1], data=["no base64!"]),
        body(datatype="BYTES", shape=[1], data=[b64encode(b"text").decode()]),
        body(datatype="BYTES", shape=[1], parameters={"binary_data_size": 5}),
        {**body(datatype="BYTES", shape=[1], data=[b64encode(FILES[0]).decode()]), "outputs": [{"name": "x"}]},
        {**body(datatype="BYTES", shape=[1], data=[b64encode(FILES[0]).decode()]), "outputs": [{"name": []}]},
    ],
)
def test_wrong_requests_are_problems(client: TestClient, order: object) -> None:
    response = client.post(INFER, json=order)
    assert response.status_code == 422 and response.json()["detail"] and response.json()["fix"]


@pytest.mark.parametrize("depth", [100, 480, 900, 950, 980, 100_000])
def test_deeply_nested_data(client: TestClient, depth: int) -> None:
    for kind in ("BYTES", "UINT8"):
        text = f'{{"inputs": [{{"name": "image", "datatype": "{kind}", "shape": [1], "data": {"[" * depth}{"]" * depth}}}]}}'
        response = client.post(INFER, content=text.encode(), headers={"Content-Type": "application/json"})
        assert response.status_code == 422


def test_too_many_images_are_refused_before_any_is_made(client: TestClient) -> None:
    n = 100_000
    pixels = body(datatype="UINT8", shape=[n, 1, 1, 3], data=[1] * (3 * n))
    begun = time.monotonic()
    assert client.post(INFER, json=pixels).status_code == 413
    assert time.monotonic() - begun < 3
    head = json.dumps(body(datatype="BYTES", shape=[n], parameters={"binary_data_size": 4 * n})).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    assert client.post(INFER, content=head + bytes(4 * n), headers=headers).status_code == 413


def test_models_that_do_not_exist(client: TestClient) -> None:
    for path in ("/v2/models/nothing", "/v2/models/tiny/versions/9", "/v2/models/nothing/ready"):
        assert client.get(path).status_code == 404


@pytest.fixture
def served(opened: Services, settings: Settings) -> Iterator[str]:
    """The address of a real server."""
    import uvicorn
    from starlette.applications import Starlette

    app = Starlette(routes=mounts(both(lambda: opened, settings)))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 30
    while not server.started and time.monotonic() < end:
        time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the client's own packages
def test_the_client_of_triton_predicts_unchanged(served: str, expected: np.ndarray) -> None:
    triton = pytest.importorskip("tritonclient.http", reason="tritonclient is not installed")
    with triton.InferenceServerClient(served) as client:
        assert client.is_server_live() and client.is_model_ready("tiny")
        assert client.get_server_metadata()["name"] == "classifier-dashboard"
        described = client.get_model_metadata("tiny")
        assert [each["datatype"] for each in described["inputs"]] == ["BYTES"]
        assert [each["datatype"] for each in described["parameters"]["instead_of_inputs"]] == ["UINT8"]
        pixels = triton.InferInput("image", [3, 32, 32, 3], "UINT8")
        pixels.set_data_from_numpy(np.stack(PICTURES))
        files = triton.InferInput("image", [3], "BYTES")
        files.set_data_from_numpy(np.array(FILES, dtype=object))
        for given in (pixels, files):
            for binary in (True, False):
                outputs = [
                    triton.InferRequestedOutput(name, binary_data=binary) for name in ("pred_probs", "predicted_label")
                ]
                answer = client.infer("tiny", [given], outputs=outputs)
                np.testing.assert_allclose(answer.as_numpy("pred_probs"), expected, atol=1e-5)
                labels = [
                    each.decode() if isinstance(each, bytes) else each for each in answer.as_numpy("predicted_label")
                ]
                assert len(labels) == 3
        np.testing.assert_allclose(client.infer("tiny", [pixels]).as_numpy("pred_probs"), expected, atol=1e-5)
        with pytest.raises(triton.InferenceServerException, match="nope") as unknown:
            client.infer("nope", [pixels])
        assert unknown.value.status() == "404" and "decoding" not in unknown.value.message()
        assert "Known versions: tiny@1" in unknown.value.message()


def test_a_tensor_of_floating_point_numbers_is_told_what_is_taken(client: TestClient) -> None:
    refused = client.post(INFER, json=body(datatype="FP32", shape=[1, 32, 32, 3], data=[0.5] * 3072))
    assert "`image` must be BYTES or UINT8, not FP32" in refused.json()["error"]
