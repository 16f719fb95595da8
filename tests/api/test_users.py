from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.api.serving import V1, both, mounts
from dashboard.core.settings import Settings
from dashboard.services import Services
from tests.run_rows import manifest, ok, table_of


@pytest.fixture
def stranger(opened: Services, settings: Settings) -> Iterator[TestClient]:
    app = Starlette(routes=mounts(both(lambda: opened, settings)))
    with TestClient(app, base_url="http://192.0.2.1:8501", client=("192.0.2.7", 5000)) as client:
        yield client


def header(opened: Services, name: str, scope: str = "evaluate") -> dict[str, str]:
    return {"Authorization": f"Bearer {opened.tokens.create(name, [scope])[1]}"}


def test_a_token_sees_its_own_evaluations_and_those_of_nobody(stranger: TestClient, opened: Services) -> None:
    ann, bob, admin = header(opened, "ann"), header(opened, "bob"), header(opened, "root", "admin")
    for run_id, user in (("r-ann", "token ann"), ("r-bob", "token bob"), ("r-none", "")):
        opened.runs.begin(manifest(run_id=run_id, user=user)).release()

    def seen(who: dict[str, str]) -> set[str]:
        return {each["run_id"] for each in stranger.get(f"{V1}/evaluations", headers=who).json()["evaluations"]}

    assert (seen(ann), seen(bob)) == ({"r-ann", "r-none"}, {"r-bob", "r-none"})
    assert seen(admin) == {"r-ann", "r-bob", "r-none"}
    for who, user in ((ann, ""), (admin, "token ann")):
        listed = stranger.get(f"{V1}/evaluations", headers=who).json()["evaluations"]
        assert {each["user"] for each in listed} == {"", *({"token ann", "token bob"} if user else ())}
        assert stranger.get(f"{V1}/evaluations/r-ann", headers=who).json()["user"] == user
    for path in ("", "/events", "/rows", "/images/0", "/report"):
        answer = stranger.get(f"{V1}/evaluations/r-bob{path}", headers=ann)
        assert (answer.status_code, answer.json()["code"]) == (404, "run_unknown"), path
        gone = stranger.get(f"{V1}/evaluations/r-gone{path}", headers=ann)
        assert answer.json()["detail"] == gone.json()["detail"].replace("r-gone", "r-bob"), path
    assert stranger.get(f"{V1}/evaluations/r-ann/report?compare=r-bob", headers=ann).status_code == 404
    assert stranger.post(f"{V1}/evaluations/r-bob/cancel", headers=ann).status_code == 404
    for run_id, status, code in (("r-bob", 404, "run_unknown"), ("r-none", 403, "not_yours")):
        answer = stranger.delete(f"{V1}/evaluations/{run_id}", headers=ann)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert stranger.delete(f"{V1}/evaluations/r-ann", headers=ann).status_code == 204
    assert stranger.delete(f"{V1}/evaluations/r-bob", headers=admin).status_code == 204
    done = [(entry.user, entry.action, entry.subject) for entry in opened.audit.list(2)]
    assert done == [
        ("token root", "evaluation.deleted", "r-bob"),
        ("token ann", "evaluation.deleted", "r-ann"),
    ]


def test_a_token_says_what_is_right_of_every_evaluation_that_it_may_see(stranger: TestClient, opened: Services) -> None:
    carl = header(opened, "carl", "predict")
    for run_id, user in (("f-carl", "token carl"), ("f-dora", "token dora"), ("f-none", "")):
        owner = opened.runs.begin(manifest(run_id=run_id, user=user, n_images=1))
        opened.runs.folder(run_id).add_part(0, table_of([ok(0, "cat", "cat")]))
        owner.release()
    answers = {
        run_id: stranger.post(f"{V1}/feedback", headers=carl, json={"prediction_id": f"{run_id}:0", "is_right": True})
        for run_id in ("f-carl", "f-none", "f-dora", "f-nothing")
    }
    assert [each.status_code for each in answers.values()] == [201, 201, 404, 404]
    assert answers["f-dora"].json()["code"] == "run_unknown"


def test_a_damaged_evaluation_is_for_its_owner_and_admins_who_can_delete_it(
    stranger: TestClient, opened: Services
) -> None:
    ann, bob, admin = header(opened, "ann d"), header(opened, "bob d"), header(opened, "root d", "admin")
    opened.runs.begin(manifest(run_id="d-old", created_utc="2020-01-01T00:00:00+00:00")).release()
    opened.runs.begin(manifest(run_id="d-bad", user="token ann d")).release()
    opened.runs.begin(manifest(run_id="d-nobody", user="")).release()
    for run_id in ("d-bad", "d-nobody"):
        (opened.runs.root / run_id / "manifest.json").write_text("{}")

    def listed(who: dict[str, str], **params: str) -> list[dict[str, Any]]:
        page = stranger.get(f"{V1}/evaluations", headers=who, params=params).json()
        assert page["total"] == len(stranger.get(f"{V1}/evaluations", headers=who).json()["evaluations"])
        return [each for each in page["evaluations"] if each["id"].startswith("d-")]

    assert {each["id"] for each in listed(admin)} == {"d-bad", "d-nobody", "d-old"}
    assert stranger.delete(f"{V1}/evaluations/d-nobody", headers=ann).status_code == 404
    assert stranger.delete(f"{V1}/evaluations/d-nobody", headers=admin).status_code == 204
    bad, old = listed(admin)
    assert listed(ann) == [bad, old] and [each["id"] for each in listed(bob)] == ["d-old"]
    assert (bad["id"], bad["run_id"], bad["state"], old["id"]) == ("d-bad", "d-bad", "damaged", "d-old")
    assert "manifest.json" in bad["message"] and bad["created_utc"] > old["created_utc"]
    assert listed(admin, cursor="d-bad") == [old]
    address = f"{V1}/evaluations/d-bad"
    for who in (ann, admin):
        refused = stranger.get(address, headers=who).json()
        assert refused["code"] == "run_damaged" and "`DELETE /api/v1/evaluations/ID`" in refused["fix"]
    assert stranger.delete(address, headers=bob).status_code == 404
    assert stranger.delete(address, headers=ann).status_code == 204
    assert [each["id"] for each in listed(admin)] == ["d-old"]
    assert stranger.delete(address, headers=admin).json()["code"] == "run_unknown"


def test_once_the_pages_need_a_log_in_this_machine_needs_a_token_too(opened: Services, settings: Settings) -> None:
    anyone = settings.model_copy(update={"allow_anyone_who_reaches_this_server_to_use_it": True})
    for users_log_in, status in ((False, 200), (True, 401)):
        app = Starlette(routes=mounts(both(lambda: opened, anyone, lambda answer=users_log_in: answer)))
        assert TestClient(app, base_url="http://localhost").get(f"{V1}/models").status_code == status
