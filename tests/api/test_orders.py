"""What an order of an evaluation may say, and how the API words what is still to be decided."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from dashboard.api.receiving import OrderRecord
from dashboard.cli.evaluate import evaluate
from dashboard.core.errors import TOPICS, ChoiceName
from dashboard.core.settings import Settings
from tests.api.test_evaluations import V1, ZIP, finished
from tests.conftest import encoded, picture
from tests.core.datasets.test_zip_names import foreign_zip

Files = Callable[..., Path]
OF_COMMANDS_ONLY = {"out", "resume", "workers", "local", "min_accuracy", "checks", "junit", "as_json"}


def ended(client: TestClient, data: bytes, **said: Any) -> Any:
    """The record of the evaluation of an upload, once it has ended."""
    response = client.post(f"{V1}/evaluations", content=data, headers=ZIP, **said)
    assert response.status_code == 202, response.text
    return finished(client, response.json())


def test_an_order_can_say_all_that_the_command_can() -> None:
    fields = set(OrderRecord.model_fields)
    assert set(inspect.signature(evaluate).parameters) - OF_COMMANDS_ONLY == fields
    assert {*TOPICS, *get_args(ChoiceName)} <= fields


def test_every_field_is_described_for_queries_forms_and_json(client: TestClient) -> None:
    described = client.get(f"{V1}/openapi.json").json()["paths"]["/evaluations"]["post"]
    bodies = {kind: each["schema"] for kind, each in described["requestBody"]["content"].items()}
    of_uploads = {*OrderRecord.model_fields, "name"} - {"dataset"}
    assert {each["name"] for each in described["parameters"]} == of_uploads
    assert set(bodies["multipart/form-data"]["properties"]) == {*of_uploads, "file"}
    assert set(bodies["application/json"]["properties"]) == set(OrderRecord.model_fields)


def test_numbers_that_may_begin_at_0_or_1(client: TestClient, make_zip: Files) -> None:
    data = make_zip({"1": 1, "2": 1, "4": 1}).read_bytes()
    asked = ended(client, data)
    assert asked["error"]["code"] == "labels_uncertain"
    assert asked["error"]["fix"].startswith("Choose with `labels_from`:\nlabels_from=0  1 is automobile")
    assert asked["question"]["field"] == "labels_from"
    assert [each["value"] for each in asked["question"]["answers"]] == ["0", "1"]
    from_1 = ended(client, data, params={"labels_from": "1"})
    assert from_1["state"] == "finished" and from_1["question"] is None
    assert from_1["result"]["label_map"] == {"1": "airplane", "2": "automobile", "4": "cat"}
    form = client.post(f"{V1}/evaluations", files={"file": ("p.zip", data)}, data={"labels_from": "0"}).json()
    assert finished(client, form)["result"]["label_map"]["1"] == "automobile"


def test_the_column_of_the_labels(client: TestClient, make_zip: Files) -> None:
    rows = "".join(f"{i}.png,{'cat' if i % 2 else 'dog'},{3.5 + i}\n" for i in range(4))
    extra = {f"img/{i}.png": encoded(picture(i)) for i in range(4)} | {"t.csv": f"file,breed,age\n{rows}".encode()}
    data = make_zip({}, extra=extra).read_bytes()
    asked = ended(client, data)
    assert (asked["question"]["field"], asked["question"]["answers"][0]["value"]) == ("label_column", "breed")
    assert "label_column=breed" in asked["error"]["fix"]
    assert ended(client, data, params={"label_column": "breed"})["result"]["label_map"] == {"cat": "cat", "dog": "dog"}


def test_labels_that_are_no_classes_and_names_in_an_unknown_encoding(client: TestClient, tmp_path: Path) -> None:
    data = foreign_zip(tmp_path / "p.zip", [name.encode("gbk") for name in ("数据", "猫")]).read_bytes()
    fix = ended(client, data)["error"]["fix"]
    assert 'label_map={"*": "(no label)"}' in fix and "choose with `zip_encoding`:\nzip_encoding=" in fix
    assert "--" not in fix
    known = {"zip_encoding": "gbk", "label_map": json.dumps({"猫": "cat", "*": None}), "name": "cats.zip"}
    form = client.post(f"{V1}/evaluations", files={"file": ("p.zip", data)}, data=known).json()
    done = finished(client, form)
    assert (done["state"], done["dataset"]) == ("finished", "cats.zip")
    result = done["result"]
    assert (result["metrics"]["accuracy"]["n"], result["n_failed"], result["n_left_out"]) == (1, 0, 1)


def test_the_fit_of_an_order_is_used_and_has_a_result_of_its_own(client: TestClient, make_zip: Files) -> None:
    data = make_zip({"cat": 1, "dog": 1}).read_bytes()
    own, padded = (ended(client, data, params=said) for said in ({}, {"fit": "pad"}))
    assert (own["result"]["fit"], padded["result"]["fit"]) == ("stretch", "pad") and own["id"] != padded["id"]
    form = client.post(f"{V1}/evaluations", files={"file": ("p.zip", data)}, data={"fit": "pad"}).json()
    assert finished(client, form)["id"] == padded["id"]


@pytest.mark.parametrize(
    "said",
    [
        {"data": {"label_from": "1"}}, {"data": {"labels_from": "2"}}, {"data": {"fit": "squeeze"}}, {"data": {"dataset": "Sample images"}},
        {"data": {"label_map": "x"}}, {"params": {"dataset": "Sample images"}}, {"params": {"labels_from": "x"}},
    ],
)  # fmt: skip
def test_nothing_that_is_said_is_passed_over(client: TestClient, make_zip: Files, said: dict[str, Any]) -> None:
    files = {"file": ("p.zip", make_zip().read_bytes())}
    response = client.post(f"{V1}/evaluations", files=files, **said)
    assert response.status_code == 422 and response.json()["code"] == "request"
    assert next(iter(*said.values())) in response.json()["detail"]


def test_a_field_that_there_is_not_is_told_in_words(client: TestClient, make_zip: Files) -> None:
    files = {"file": ("p.zip", make_zip().read_bytes())}
    refused = client.post(f"{V1}/evaluations", files=files, data={"modle": "x"}).json()
    assert refused["detail"] == "modle: there is no such field"


def test_an_order_in_json_says_everything_there(client: TestClient) -> None:
    order = {"dataset": "Sample images"}
    refused = client.post(f"{V1}/evaluations", json=order, params={"no_cache": "true"})
    assert refused.status_code == 422 and "no_cache" in refused.json()["detail"]


def test_a_dataset_on_the_server_whose_name_is_no_utf8_is_refused_in_words(
    client: TestClient, settings: Settings
) -> None:
    (settings.datasets_dir / "caf\udce9" / "cat").mkdir(parents=True)
    response = client.post(f"{V1}/evaluations", json={"dataset": "caf\ufffd"})
    assert response.status_code == 202, response.text
    record = finished(client, response.json())
    assert record["dataset"] == "caf\ufffd" and record["error"]["code"] == "bad_name"
    shutil.rmtree(settings.datasets_dir)


def test_an_upload_without_content_starts_no_evaluation(client: TestClient) -> None:
    before = client.get(f"{V1}/evaluations").json()["total"]
    refused = client.post(f"{V1}/evaluations", headers={"Content-Type": "application/zip"})
    assert refused.status_code == 422 and "its body is empty" in refused.json()["detail"]
    assert client.get(f"{V1}/evaluations").json()["total"] == before


def test_a_wrong_choice_is_told_with_its_values_and_a_body_that_is_no_json_by_name(client: TestClient) -> None:
    wrong = client.post(f"{V1}/evaluations", json={"dataset": "Sample images", "fit": "crop"}).json()
    assert wrong["fix"].startswith("Set `fit` to 'stretch', 'center-crop' or 'pad'. See the description")
    in_query = client.post(f"{V1}/predict", content=b"x", headers={"Content-Type": "image/png"}, params={"fit": "crop"})
    assert in_query.status_code == 422 and "Set `fit` to 'stretch', 'center-crop' or 'pad'." in in_query.json()["fix"]
    broken = client.post(f"{V1}/evaluations", content=b"{", headers={"Content-Type": "application/json"}).json()
    assert broken["detail"].startswith("body: Invalid JSON")
