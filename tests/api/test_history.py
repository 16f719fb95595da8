from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboard.services import Services
from tests.conftest import encoded, picture

V1 = "/api/v1"
PNG = {"Content-Type": "image/png"}


def predict(client: TestClient, image: bytes, **params: str) -> Any:
    return client.post(f"{V1}/predict", content=image, headers=PNG, params=params).json()["predictions"][0]


def test_a_prediction_is_in_the_history(client: TestClient, opened: Services) -> None:
    answer = predict(client, encoded(picture(101)), name="one.png")
    assert opened.history.flush(10)
    found = client.get(f"{V1}/history", params={"source": "api", "limit": 1}).json()["predictions"][0]
    assert (found["prediction_id"], found["file"]) == (answer["prediction_id"], "one.png")
    assert found["predicted_label"] == answer["predicted_label"]
    assert found["confidence"] == pytest.approx(answer["confidence"]) and found["latency_ms"] > 0


def test_the_same_image_is_answered_from_the_store(client: TestClient, opened: Services) -> None:
    first = predict(client, encoded(picture(102)))
    assert opened.writer.flush(10)
    again = predict(client, encoded(picture(102)))
    assert (first["cached"], again["cached"]) == (False, True)
    assert again["pred_probs"] == first["pred_probs"] and again["prediction_id"] != first["prediction_id"]


def test_an_explanation_is_recorded_too(client: TestClient, opened: Services) -> None:
    response = client.post(f"{V1}/explain", content=encoded(picture(103)), headers=PNG, params={"name": "map.png"})
    [answer] = response.json()["predictions"]
    assert opened.history.get(answer["prediction_id"]).file == "map.png"


def test_feedback(client: TestClient) -> None:
    answer = predict(client, encoded(picture(104)))
    other = next(label for label in answer["pred_probs"] if label != answer["predicted_label"])
    order = {"prediction_id": answer["prediction_id"], "is_right": False, "true_label": other, "note": "a toy"}
    given = client.post(f"{V1}/feedback", json=order)
    assert given.status_code == 201 and given.json()["true_label"] == other
    summary = client.get(f"{V1}/feedback").json()
    assert summary["feedback"][0]["note"] == "a toy" and summary["accuracy"]["n"] >= 1 and summary["caution"]
    newest = client.get(f"{V1}/history", params={"source": "api", "limit": 1}).json()["predictions"][0]
    assert newest["prediction_id"] == answer["prediction_id"]
    assert (newest["feedback"], newest["true_label"], newest["note"]) == ("wrong", other, "a toy")
    unknown_before = client.get(f"{V1}/feedback", params={"before": "f" * 32})
    assert (unknown_before.status_code, unknown_before.json()["code"]) == (422, "cursor")
    contradiction = client.post(f"{V1}/feedback", json={**order, "true_label": answer["predicted_label"]})
    assert (contradiction.status_code, contradiction.json()["code"]) == (422, "feedback")
    no_class = client.post(f"{V1}/feedback", json={**order, "true_label": "unicorn"}).json()
    assert (no_class["status"], no_class["code"]) == (422, "feedback")
    assert all(label in no_class["fix"] for label in answer["pred_probs"]) and "`none of these`" in no_class["fix"]
    for label in ("none of these", None):
        assert client.post(f"{V1}/feedback", json={**order, "true_label": label}).json()["true_label"] == label
    unknown = client.post(f"{V1}/feedback", json={**order, "prediction_id": "nothing"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "prediction_unknown")


def test_damaged_feedback_is_left_out_of_the_list_and_told(client: TestClient, opened: Services) -> None:
    answers = [predict(client, encoded(picture(seed))) for seed in (114, 115)]
    for answer in answers:
        client.post(f"{V1}/feedback", json={"prediction_id": answer["prediction_id"], "is_right": True})
    whole, file = client.get(f"{V1}/feedback").json(), opened.database.address.file
    assert file and whole["note"] == ""
    damage = "UPDATE feedback SET note = x'ff' WHERE subject = ?"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(damage, [answers[0]["prediction_id"]])
    found = client.get(f"{V1}/feedback").json()
    listed = client.get(f"{V1}/history", params={"source": "api", "limit": 2}).json()
    opened.feedback.withdraw(answers[0]["prediction_id"], "")
    assert {each["prediction_id"]: each["feedback"] for each in listed["predictions"]} == {
        answers[0]["prediction_id"]: None, answers[1]["prediction_id"]: "right"
    }  # fmt: skip
    assert "1 damaged record is left out." in listed["note"]
    kept = [each for each in whole["feedback"] if each["prediction_id"] != answers[0]["prediction_id"]]
    assert found["feedback"] == kept and found["accuracy"]["n"] == whole["accuracy"]["n"] - 1
    assert "1 damaged record is left out." in found["note"] and "feedback.note holds" in found["note"]


def test_pages_of_the_history(client: TestClient, opened: Services) -> None:
    for seed in range(105, 108):
        predict(client, encoded(picture(seed)))
    assert opened.history.flush(10)
    first = client.get(f"{V1}/history", params={"limit": 2}).json()
    second = client.get(f"{V1}/history", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    ids = [each["prediction_id"] for page in (first, second) for each in page["predictions"]]
    assert len(set(ids)) == 4 and ids == sorted(ids, reverse=True)
    wrong = client.get(f"{V1}/history", params={"cursor": "x"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "cursor")


def test_a_user_sees_only_own_predictions(stranger: TestClient, opened: Services) -> None:
    secrets = {name: opened.tokens.create(name, ["predict"])[1] for name in ("ann", "bob")}
    headers = {name: {"Authorization": f"Bearer {secret}"} for name, secret in secrets.items()}
    [answer] = stranger.post(f"{V1}/predict", content=encoded(picture(120)), headers={**PNG, **headers["ann"]}).json()[
        "predictions"
    ]
    assert opened.history.flush(10)
    own = {
        name: stranger.get(f"{V1}/history", headers=header).json()["predictions"] for name, header in headers.items()
    }
    assert [each["user"] for each in own["ann"]] == ["token ann"] and own["bob"] == []
    assert stranger.get(f"{V1}/history", headers=headers["bob"], params={"user": "token ann"}).status_code == 403
    order = {"prediction_id": answer["prediction_id"], "is_right": True}
    assert stranger.post(f"{V1}/feedback", headers=headers["bob"], json=order).status_code == 403
    assert stranger.post(f"{V1}/feedback", headers=headers["ann"], json=order).status_code == 201
    told = {name: stranger.get(f"{V1}/feedback", headers=header).json() for name, header in headers.items()}
    assert told["ann"]["accuracy"]["n"] == 1 and told["bob"]["accuracy"] is None and told["bob"]["feedback"] == []
