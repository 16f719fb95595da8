from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.measuring import measure
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.store import RunStore
from tests.run_rows import manifest, ok, table_of


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def save(store: RunStore, manifest: RunManifest) -> None:
    store.folder(manifest.run_id).save(manifest)


def test_a_run_in_use_is_not_deleted(store: RunStore) -> None:
    owner = store.begin(manifest())
    with pytest.raises(DatasetError, match="is under way"):
        store.delete(manifest().run_id)
    owner.release()
    store.delete(manifest().run_id)
    assert store.list() == []


def test_only_a_finished_run_with_the_same_key_has_the_same_answers(store: RunStore) -> None:
    for run_id, key, state in (("a", "k", "finished"), ("b", "k", "running"), ("c", "", "finished")):
        save(store, manifest(run_id, key=key, state=state))
        store.folder(run_id).add_part(0, table_of([ok(i, "cat", "cat") for i in range(4)]))
    found = store.same_as("k")
    assert found is not None and found.run_id == "a"
    assert store.same_as("") is None and store.same_as("other") is None


def test_a_damaged_run_does_not_stand_for_a_new_one(store: RunStore) -> None:
    save(store, manifest(key="k", state="finished"))
    assert store.same_as("k") is None, "its rows are gone"
    store.folder(manifest().run_id).add_part(0, table_of([ok(i, "cat", "cat") for i in range(4)]))
    measure(store.folder(manifest().run_id))
    (store.folder(manifest().run_id).path / "evaluation.json").write_text("{")
    assert store.same_as("k") is not None
    evaluation = store.folder(manifest().run_id).load().evaluation()
    assert evaluation is not None and evaluation.accuracy.n == 4
    rows = store.folder(manifest().run_id).path / "rows.parquet"
    rows.write_bytes(rows.read_bytes()[:100])
    assert store.same_as("k") is None


def test_list_is_newest_first_and_skips_what_is_damaged(store: RunStore) -> None:
    for run_id, day in (("a", 1), ("b", 3), ("c", 2)):
        save(store, manifest(run_id, created_utc=f"2026-01-0{day}T00:00:00+00:00"))
    (store.root / "d").mkdir()
    (store.root / "d" / "manifest.json").write_text("{")
    (store.root / "file").write_text("")
    (store.root / "link").symlink_to("x" * 300)  # the name of its target is too long
    assert [m.run_id for m in store.list()] == ["b", "c", "a"]


def test_delete(store: RunStore) -> None:
    save(store, manifest())
    store.delete(manifest().run_id)
    store.delete(manifest().run_id)
    assert store.list() == []


@pytest.mark.parametrize("run_id", ["", ".", "..", "../x", "/etc", "a/b", ".hidden", "missing"])
def test_there_is_no_such_run(store: RunStore, run_id: str) -> None:
    with pytest.raises(DatasetError) as caught:
        store.folder(run_id).load()
    assert caught.value.code == "run_unknown"


@pytest.mark.parametrize("run_id", ["", "..", "../x", "/etc"])
def test_nothing_outside_the_store_is_deleted(store: RunStore, run_id: str) -> None:
    store.root.mkdir()
    (store.root.parent / "x").mkdir()
    with pytest.raises(DatasetError):
        store.delete(run_id)
    assert (store.root.parent / "x").exists()


def test_an_interrupted_run_is_found_by_what_it_evaluates(store: RunStore) -> None:
    begun = store.begin(manifest("a", key="k", dataset="/data/x.zip"))
    assert store.interrupted("k", Path("/data/x.zip")) is None  # its owner works on it
    begun.release()
    found = store.interrupted("k", Path("/data/x.zip"))
    assert found and found.run_id == "a"
    assert store.interrupted("other", Path("/data/x.zip")) is None
    assert store.interrupted("k", Path("/data/y.zip")) is None
    store.folder("a").finish(found, "finished", 1.0)
    assert store.interrupted("k", Path("/data/x.zip")) is None
