from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.api.serving import both, mounts
from dashboard.core.evaluation.opening import begin_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.metrics.definitions import METRICS
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.folder import RunFolder
from dashboard.core.settings import Settings
from dashboard.services import Services
from tests.conftest import encoded, picture
from tests.core.colour_model import make_registry
from tests.run_rows import manifest, ok, table_of

V1 = "/api/v1"
ZIP = {"Content-Type": "application/zip"}
Files = Callable[..., Path]


def finished(client: TestClient, record: Any) -> Any:
    """The record of an evaluation once it has ended."""
    end = time.monotonic() + 100
    while record["state"] in ("waiting", "running"):
        assert time.monotonic() < end, record
        time.sleep(0.1)
        record = client.get(record["links"]["self"]).json()
    return record


@pytest.fixture
def done(client: TestClient, make_zip: Files) -> Any:
    data = make_zip({"cat": 3, "dog": 2}, extra={"dog/broken.png": b"text"}).read_bytes()
    return finished(
        client, client.post(f"{V1}/evaluations", content=data, headers=ZIP, params={"name": "p.zip"}).json()
    )


def test_an_upload_keeps_its_name(client: TestClient, make_zip: Files) -> None:
    data = make_zip({"cat": 1, "dog": 1}).read_bytes()
    sent = client.post(f"{V1}/evaluations", files={"file": ("messy [2] & more.zip", data)}).json()
    assert finished(client, sent)["dataset"] == "messy [2] & more.zip"


def test_a_zip_and_its_labels_file_are_one_dataset(client: TestClient, make_zip: Files) -> None:
    data = make_zip({}, extra={f"{i}.png": encoded(picture(i)) for i in range(3)}).read_bytes()
    sent = [("file", ("truth.csv", b"file,label\n0.png,cat\n1.png,dog\n2.png,cat\n")), ("file", ("photos.zip", data))]
    record = finished(client, client.post(f"{V1}/evaluations", files=sent).json())
    assert record["dataset"] == "photos.zip with truth.csv"
    assert {each["label"]: each["n"] for each in record["result"]["classes"] if each["n"]} == {"cat": 2, "dog": 1}


def test_a_zip_goes_in_and_metrics_come_out(client: TestClient, done: Any, opened: Services) -> None:
    assert done["state"] == "finished" and done["model"] == "tiny@1" and done["dataset"] == "p.zip"
    result = done["result"]
    assert (result["n_images"], result["n_evaluated"], result["n_failed"]) == (6, 5, 1)
    assert set(result["metrics"]) <= {each.name for each in METRICS} and "accuracy" in result["metrics"]
    narrowed = client.get(done["links"]["self"], params={"where": "true_label=cat"}).json()["result"]
    assert narrowed["metrics"]["accuracy"]["n"] == 3 and narrowed["where"] == ["true_label=cat"]
    listed = client.get(f"{V1}/evaluations").json()["evaluations"]
    assert done["id"] == done["run_id"] in [each["run_id"] for each in listed]
    assert all(each["id"] == each["run_id"] for each in listed)
    assert opened.runs.folder(done["id"]).manifest().n_images == 6


def test_rows_have_the_further_columns_of_the_dataset(client: TestClient, done: Any, opened: Services) -> None:
    assert client.get(done["links"]["rows"]).json()["rows"][0]["columns"] == {}
    own = {"camera": ["left", None] * 3, "age": [*range(6)], "weight": [0.5] * 6, "flag": [True, False] * 3}
    opened.runs.folder(done["id"]).beside.attributes.keep(pa.table(own))
    rows = client.get(done["links"]["rows"], params={"where": "age>=2", "cursor": 3, "limit": 2}).json()["rows"]
    assert [each["columns"] for each in rows] == [
        {"camera": None, "age": 3, "weight": 0.5, "flag": False},
        {"camera": "left", "age": 4, "weight": 0.5, "flag": True},
    ]


def test_a_damaged_file_beside_the_rows_is_told_and_the_rest_answered(client: TestClient, opened: Services) -> None:
    folder = opened.runs.folder("annotated")
    folder.save(manifest("annotated", state="finished"))
    folder.add_part(0, table_of([ok(i, "cat", "cat") for i in range(4)]))
    (folder.path / "annotations.json").write_text("[")
    address = f"{V1}/evaluations/annotated"
    [told] = client.get(address).json()["result"]["damaged"]
    assert "annotations.json" in told and "tags" in told and f"Remove {folder.path}" in told
    assert client.get(f"{address}/rows").json()["total"] == 4
    assert client.get(f"{address}/report").status_code == 200
    refused = client.get(f"{address}/rows", params={"where": "tag=odd"})
    assert (refused.status_code, refused.json()["code"]) == (422, "run_file_damaged")
    assert f"Remove {folder.path}" in refused.json()["fix"]
    opened.runs.delete("annotated")


def test_the_answer_names_where_to_ask(client: TestClient, make_zip: Files) -> None:
    data = make_zip({"cat": 1, "dog": 1}, name="other.zip").read_bytes()
    response = client.post(f"{V1}/evaluations", content=data, headers=ZIP)
    record = response.json()
    assert response.status_code == 202 and response.headers["location"] == record["links"]["self"]
    assert record["links"]["self"] == f"{V1}/evaluations/{record['id']}"
    first = finished(client, record)
    again = client.post(f"{V1}/evaluations", files={"file": ("other.zip", data)})
    assert again.json() == first  # the result that is there already
    assert again.headers["location"] == first["links"]["self"]
    fresh = client.post(f"{V1}/evaluations", files={"file": ("other.zip", data)}, params={"no_cache": "true"}).json()
    assert finished(client, fresh)["id"] not in (first["id"], "")


def test_the_id_of_an_order_leads_to_the_stored_evaluation_that_is_its_answer(
    client: TestClient, opened: Services, make_zip: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_zip({"cat": 2, "dog": 1}, name="nightly.zip").read_bytes()
    params = {"name": "nightly.zip"}
    first = finished(client, client.post(f"{V1}/evaluations", content=data, headers=ZIP, params=params).json())
    going_on = threading.Event()

    def opened_later(*arguments: Any) -> Any:
        assert going_on.wait(60)
        return plan_run(*arguments)

    monkeypatch.setattr("dashboard.core.evaluation.jobs.plan_run", opened_later)
    monkeypatch.setattr("dashboard.api.evaluations.OPENED_WITHIN_S", 0.1)
    ordered = client.post(f"{V1}/evaluations", content=data, headers=ZIP, params=params).json()
    assert ordered["state"] == "waiting" and ordered["id"] != first["id"]
    going_on.set()
    assert finished(client, ordered) == first
    for of in ("rows", "images/0", "report?format=md"):
        there, same = (client.get(f"{each['links']['self']}/{of}") for each in (ordered, first))
        assert (there.status_code, there.content) == (200, same.content)
    with_itself = client.get(first["links"]["report"], params={"compare": ordered["id"]})
    assert with_itself.json()["code"] == "not_comparable"
    assert client.delete(ordered["links"]["self"]).status_code == 204
    assert first["id"] not in [each.run_id for each in opened.runs.list()]


def test_rows_page_by_page(client: TestClient, done: Any) -> None:
    rows, cursor, pages = [], None, 0
    while True:
        params = {"limit": 4} | ({} if cursor is None else {"cursor": cursor})
        page = client.get(done["links"]["rows"], params=params).json()
        rows, cursor, pages = rows + page["rows"], page["next_cursor"], pages + 1
        assert page["next"] == cursor
        if cursor is None:
            break
    assert (pages, page["total"]) == (2, 6) and [each["index"] for each in rows] == [*range(6)]
    assert page["class_names"] == list(CLASS_NAMES)
    [failed] = [each for each in rows if each["status"] == "failed"]
    assert failed["file"] == "dog/broken.png" and failed["confidence"] is failed["pred_probs"] is None
    good = next(each for each in rows if each["status"] == "ok")
    assert sum(good["pred_probs"]) == pytest.approx(1) and max(good["pred_probs"]) == good["confidence"]
    assert CLASS_NAMES[np.argmax(good["pred_probs"])] == good["predicted_label"]
    assert client.get(done["links"]["rows"], params={"cursor": -1}).status_code == 422
    wrong = client.get(done["links"]["rows"], params={"where": ["true_label=dog", "status=ok"]}).json()
    assert wrong["total"] == 2


def test_evaluations_page_by_page(client: TestClient, done: Any, make_zip: Files) -> None:
    other = make_zip({"cat": 1}, name="page.zip").read_bytes()
    finished(client, client.post(f"{V1}/evaluations", content=other, headers=ZIP, params={"name": "page.zip"}).json())
    every = client.get(f"{V1}/evaluations").json()
    ids = [each["id"] for each in every["evaluations"]]
    assert every["total"] == len(ids) >= 2 and every["next_cursor"] is None
    found, params = [], {"limit": "1"}
    while True:
        page = client.get(f"{V1}/evaluations", params=params).json()
        found += [each["id"] for each in page["evaluations"]]
        assert page["total"] == len(ids)
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert found == ids
    [listed] = [each for each in every["evaluations"] if each["id"] == done["id"]]
    assert (listed["dataset"], listed["model_ref"]) == (done["dataset"], done["model"])
    gone = client.get(f"{V1}/evaluations", params={"cursor": "gone"})
    assert gone.status_code == 422 and gone.json()["code"] == "cursor"


def test_an_evaluation_is_listed_as_soon_as_it_is_sent(
    client: TestClient, make_zip: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()

    def opened_later(*arguments: Any) -> Any:
        assert going_on.wait(60)
        return plan_run(*arguments)

    monkeypatch.setattr("dashboard.core.evaluation.jobs.plan_run", opened_later)
    data = make_zip({"cat": 1, "dog": 4}, name="waits.zip").read_bytes()
    sent = client.post(f"{V1}/evaluations", content=data, headers=ZIP, params={"name": "waits.zip"}).json()
    try:
        newest, *older = client.get(f"{V1}/evaluations").json()["evaluations"]
        assert (newest["id"], newest["run_id"], newest["state"]) == (sent["id"], sent["id"], "waiting")
        assert (newest["dataset"], newest["model_ref"], newest["accuracy"]) == ("waits.zip", "tiny@1", None)
        assert all(each["created_utc"] <= newest["created_utc"] for each in older)
    finally:
        going_on.set()
    assert finished(client, sent)["state"] == "finished"
    ids = [each["id"] for each in client.get(f"{V1}/evaluations").json()["evaluations"]]
    assert ids.count(sent["id"]) == 1


def test_an_evaluation_in_a_folder_with_an_odd_name_is_listed_as_damaged(client: TestClient, opened: Services) -> None:
    odd = {"copy\u00a0of run": "copy\u00a0of run", "r\udcffn": "r\ufffdn"}  # the second one is no UTF-8
    for name in odd:
        RunFolder(opened.runs.root / "made").save(manifest("made"))
        (opened.runs.root / "made").rename(opened.runs.root / name)
    listed = client.get(f"{V1}/evaluations").json()["evaluations"]
    assert {each["id"] for each in listed if each["state"] == "damaged"} == {*odd.values()}
    page = client.get(f"{V1}/evaluations", params={"limit": 1, "cursor": odd["r\udcffn"]})
    assert page.status_code == 200
    assert client.delete(f"{V1}/evaluations/copy%C2%A0of%20run").status_code == 204
    opened.runs.delete("r\udcffn")
    assert "damaged" not in [each["state"] for each in client.get(f"{V1}/evaluations").json()["evaluations"]]


def test_a_page_of_one_row_does_not_look_like_the_last(client: TestClient, done: Any) -> None:
    indices, cursor = [], 0
    while True:
        page = client.get(done["links"]["rows"], params={"limit": 1, "cursor": cursor}).json()
        indices += [each["index"] for each in page["rows"]]
        if not (cursor := page["next_cursor"]):
            break
    assert indices == [*range(6)]


def test_the_file_of_an_image(client: TestClient, done: Any) -> None:
    response = client.get(f"{done['links']['self']}/images/0")
    assert "attachment" in response.headers["content-disposition"]
    assert response.headers["x-content-type-options"] == "nosniff"
    with Image.open(io.BytesIO(response.content)) as picture:
        assert picture.size == (32, 32)
    assert response.headers["content-type"] == "image/png"
    kept = client.get(done["links"]["rows"]).json()["rows"]
    [broken] = [each["index"] for each in kept if each["file"].endswith("broken.png")]
    other = client.get(f"{done['links']['self']}/images/{broken}")
    assert other.content == b"text" and other.headers["content-type"] == "application/octet-stream"
    unknown = client.get(f"{done['links']['self']}/images/99").json()
    assert unknown["code"] == "image_unknown" and "/rows` lists the images" in unknown["fix"]


def test_feedback_on_an_image_names_a_class_of_the_evaluation(client: TestClient, done: Any) -> None:
    row = client.get(done["links"]["rows"], params={"limit": 1}).json()["rows"][0]
    other = next(label for label in CLASS_NAMES if label != row["predicted_label"])
    said = {"prediction_id": f"{done['id']}:{row['index']}", "is_right": False}
    refused = client.post(f"{V1}/feedback", json={**said, "true_label": "unicorn"})
    assert refused.status_code == 422 and other in refused.json()["fix"]
    assert client.post(f"{V1}/feedback", json={**said, "true_label": other}).status_code == 201


def test_reports(client: TestClient, done: Any) -> None:
    html = client.get(done["links"]["report"])
    assert html.text.startswith("<!doctype html>") and "attachment" in html.headers["content-disposition"]
    assert "model-index" in client.get(done["links"]["report"], params={"format": "md"}).text


def test_events_end_with_the_record(client: TestClient, done: Any) -> None:
    with client.stream("GET", done["links"]["events"]) as stream:
        text = "".join(stream.iter_text())
    assert "event: end" in text
    record = json.loads(text.split("data: ", 1)[1].splitlines()[0])
    assert record["id"] == done["id"] and record["state"] == "finished"


def test_an_evaluation_of_another_process_is_followed_to_its_end_and_can_be_stopped(
    client: TestClient, opened: Services, tiny_version: ModelVersion, make_zip: Files
) -> None:
    run = begin_run(plan_run(make_zip({"cat": 9}), tiny_version), opened.runs, 5, "elsewhere")
    told: list[str] = []
    with client.stream("GET", f"{V1}/evaluations/elsewhere/events") as stream:
        for line in stream.iter_lines():
            told.append(line)
            if line.startswith("data: ") and len([each for each in told if each.startswith("data: ")]) == 1:
                in_use = client.delete(f"{V1}/evaluations/elsewhere")
                assert in_use.status_code == 409 and "POST /api/v1/evaluations/ID/cancel" in in_use.json()["fix"]
                assert client.post(f"{V1}/evaluations/elsewhere/cancel").json()["state"] == "running"
                assert run.folder.is_asked_to_stop()
                run.folder.finish(run.manifest, "cancelled", 1.0)
                run.owner.release()
    assert "event: progress" in told and told.count("event: end") == 1
    first, last = (json.loads(line[6:]) for line in told if line.startswith("data: "))
    assert first["state"] == "running" and first["progress"]["done"] == 0 and first["progress"]["total"] == 9
    assert last["state"] == "cancelled" and last["id"] == "elsewhere"


def test_an_evaluation_that_another_process_has_paused_says_why(
    client: TestClient, opened: Services, tiny_version: ModelVersion, make_zip: Files
) -> None:
    run = begin_run(plan_run(make_zip({"cat": 9}), tiny_version), opened.runs, 5, "paused-elsewhere")
    run.owner.tell_paused("No space left on device.")
    found = client.get(f"{V1}/evaluations/paused-elsewhere").json()
    assert found["state"] == "paused" and found["error"]["message"] == "No space left on device."
    assert found["progress"]["remaining_s"] is None
    assert found["progress"]["total"] == 9 and found["result"] is None
    assert client.delete(f"{V1}/evaluations/paused-elsewhere").status_code == 409
    run.folder.finish(run.manifest, "cancelled", 1.0)
    run.owner.release()


def test_an_evaluation_whose_folder_was_away_goes_on_once_it_is_back(
    client: TestClient, opened: Services, make_zip: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, add_part = make_zip({"cat": 4, "dog": 5}).read_bytes(), RunFolder.add_part

    def lose(self: RunFolder, *part: Any) -> None:
        self.path.rename(tmp_path / "elsewhere")
        add_part(self, *part)

    def send() -> Any:
        params = {"name": "lost.zip"}
        return finished(client, client.post(f"{V1}/evaluations", content=data, headers=ZIP, params=params).json())

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "add_part", lose)
        failed = send()
    assert failed["state"] == "failed" and failed["error"]["code"] == "run_vanished"
    assert "`POST /api/v1/evaluations`" in failed["error"]["fix"] and "python -m" not in failed["error"]["fix"]
    (tmp_path / "elsewhere").rename(opened.runs.root / failed["id"])
    back = client.get(failed["links"]["self"]).json()
    assert back["state"] == "interrupted" and back["error"] is None
    again = send()
    assert (again["id"], again["state"], again["result"]["n_evaluated"]) == (failed["id"], "finished", 9)
    assert client.get(failed["links"]["self"]).json()["state"] == "finished"


def test_what_this_server_is_about_to_resume_waits(
    client: TestClient, opened: Services, tiny_version: ModelVersion, make_zip: Files
) -> None:
    begin_run(plan_run(make_zip({"dog": 9}), tiny_version), opened.runs, 5, "stopped").owner.release()
    address = f"{V1}/evaluations/stopped"
    assert client.get(address).json()["state"] == "interrupted"
    opened.will_resume.set()
    try:
        assert client.get(address).json()["state"] == "waiting"
        listed = client.get(f"{V1}/evaluations").json()["evaluations"]
        assert [each["state"] for each in listed if each["id"] == "stopped"] == ["waiting"]
        assert client.post(f"{address}/cancel").json()["state"] == "cancelled"
    finally:
        opened.will_resume.clear()


def test_a_damaged_model_starts_no_evaluation_but_gives_the_stored_result(
    opened: Services, settings: Settings, tmp_path: Path, make_zip: Files
) -> None:
    services = replace(opened, registry=make_registry(tmp_path))
    anyone = settings.model_copy(update={"allow_anyone_who_reaches_this_server_to_use_it": True})
    file = services.registry.active().file
    whole, data = file.read_bytes(), make_zip({"red": 2}, name="red.zip").read_bytes()
    with TestClient(Starlette(routes=mounts(both(lambda: services, anyone))), base_url="http://localhost") as client:

        def send(**params: str) -> Any:
            return client.post(f"{V1}/evaluations", content=data, headers=ZIP, params={"name": "red.zip", **params})

        file.write_bytes(b"damaged")
        png = {"Content-Type": "image/png"}
        refused = [client.post(f"{V1}/predict", content=encoded(picture(1)), headers=png), send()]
        file.write_bytes(whole)
        done = finished(client, send().json())
        file.write_bytes(b"damaged")
        refused.append(send(no_cache="true"))
        assert finished(client, send().json())["id"] == done["id"] and done["state"] == "finished"
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(503, "checksum")] * 3


def test_deleted_is_gone(client: TestClient, done: Any) -> None:
    assert client.delete(done["links"]["self"]).status_code == 204
    for answer in (client.get(done["links"]["self"]), client.delete(done["links"]["self"])):
        assert answer.status_code == 404 and answer.json()["code"] == "run_unknown"
        assert "GET /api/v1/evaluations" in answer.json()["fix"] and "python" not in answer.json()["fix"]


def test_a_dataset_of_this_server(client: TestClient, settings: Settings) -> None:
    done = finished(client, client.post(f"{V1}/evaluations", json={"dataset": "Sample images"}).json())
    assert done["result"]["n_images"] == 6
    unknown = client.post(f"{V1}/evaluations", json={"dataset": "/etc"})
    assert unknown.status_code == 404
    for told in ("Sample images", "not a path", "the folder `datasets` of the data folder", "upload it"):
        assert told in unknown.json()["fix"]


def test_labels_that_are_no_classes_are_told_and_can_be_mapped(client: TestClient, make_zip: Files) -> None:
    data = make_zip({"cat": 1, "hound": 2}, name="hounds.zip").read_bytes()
    failed = finished(client, client.post(f"{V1}/evaluations", content=data, headers=ZIP).json())
    assert failed["state"] == "failed" and failed["error"]["code"] == "labels_unknown"
    assert "event: end" in client.get(failed["links"]["events"]).text
    assert client.post(failed["links"]["cancel"]).json()["state"] == "failed"
    refused = [client.get(failed["links"][each]) for each in ("rows", "report")]
    refused += [client.get(f"{failed['links']['self']}/images/0"), client.delete(failed["links"]["self"])]
    for each in refused:
        told = each.json()
        assert (each.status_code, told["code"], told["fix"]) == (409, "run_failed", failed["error"]["fix"])
        assert failed["error"]["message"] in told["detail"]
    mapped = client.post(
        f"{V1}/evaluations", content=data, headers=ZIP, params={"label_map": json.dumps({"hound": "dog"})}
    ).json()
    assert finished(client, mapped)["result"]["metrics"]["accuracy"]["n"] == 3


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"labels": "/etc/passwd"}, "labels_file"),
        ({"labels": "../../other.csv"}, "labels_file"),
        ({"label_map": "x.json"}, "request"),
        ({"model": "nothing"}, "model_unknown"),
        ({"name": "x.exe"}, "unknown_format"),
        ({"typo": "1"}, "request"),
    ],
)
def test_orders_that_are_refused(client: TestClient, make_zip: Files, params: dict[str, str], code: str) -> None:
    data = make_zip({"cat": 1}).read_bytes()
    response = client.post(f"{V1}/evaluations", content=data, headers=ZIP, params=params)
    assert response.status_code in (404, 422) and response.json()["code"] == code


def test_an_upload_has_a_limit_and_leaves_nothing_behind(client: TestClient, opened: Services) -> None:
    before = sorted(opened.settings.uploads_dir.rglob("*"))
    stated = client.post(f"{V1}/evaluations", content=b"x" * (2 * 2**20 + 1), headers=ZIP)
    unstated = client.post(f"{V1}/evaluations", content=(b"x" * 2**18 for _ in range(9)), headers=ZIP)
    assert (stated.status_code, unstated.status_code) == (413, 413)
    assert sorted(opened.settings.uploads_dir.rglob("*")) == before


def test_a_file_that_is_no_dataset(client: TestClient) -> None:
    failed = finished(client, client.post(f"{V1}/evaluations", content=b"text", headers=ZIP).json())
    assert failed["state"] == "failed" and failed["error"]["message"]
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    failed = finished(client, client.post(f"{V1}/evaluations", content=empty.getvalue(), headers=ZIP).json())
    assert failed["state"] == "failed" and failed["error"]["code"] == "no_images"
