from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.runs.export import safe_for_spreadsheets, write_csv
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import COLUMNS, VIEW_COLUMNS, Row
from dashboard.core.runs.store import Part, RunStore

NAMES = ("cat", "dog")


def manifest(run_id: str = "20260101-000000-abc", **changes: object) -> RunManifest:
    values = {
        "run_id": run_id, "created_utc": "2026-01-01T00:00:00+00:00", "dataset": "/data/pets.zip", "dataset_sha256": "d",
        "model": "pets@1", "model_sha256": "m", "class_names": NAMES, "n_images": 4, "unknown_labels": ("ant",),
    }  # fmt: skip
    return RunManifest(**{**values, **changes})  # type: ignore[arg-type]


def ok(index: int, true: str | None, predicted: str) -> Row:
    p = [0.75, 0.25] if predicted == "cat" else [0.25, 0.75]
    return Row(index, f"{true}/{index}.png", true, predicted, 0.75, p, [1.0, -1.0], "ok", "")


def failed(index: int) -> Row:
    return Row(index, f"cat/{index}.png", None, None, None, None, None, "failed", "It is damaged.")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_a_manifest_survives_the_round_trip(store: RunStore) -> None:
    mapped = manifest("mapped", label_map=(("kitten", "cat"),), notes=("A note.",), imported=True)
    store.save(mapped)
    assert store.manifest("mapped") == mapped and hash(mapped)
    store.save(manifest())
    assert store.manifest(manifest().run_id) == manifest() and manifest().dataset_name == "pets.zip"


def test_rows_come_back_sorted_whatever_the_order_in_which_they_were_written(store: RunStore) -> None:
    store.save(manifest())
    store.add_part(manifest().run_id, 1, [ok(3, None, "dog"), failed(2)])
    store.add_part(manifest().run_id, 0, [ok(0, "cat", "cat"), ok(1, "dog", "cat")])
    run = store.load(manifest().run_id)
    assert run.table["index"].tolist() == [0, 1, 2, 3] and tuple(run.table.columns) == COLUMNS
    assert run.evaluated["index"].tolist() == [0, 1, 3] and run.failed["reason"].tolist() == ["It is damaged."]
    assert np.asarray(run.table["pred_probs"][1]).tolist() == [0.75, 0.25]


def test_growth_tells_each_of_the_first_parts_and_then_every_hundredth_or_so(store: RunStore) -> None:
    store.save(manifest())
    seen = []
    for part in range(120):
        (store.folder(manifest().run_id) / f"part-{part:07d}.parquet").touch()
        seen.append(store.growth(manifest().run_id))
    assert seen[:99] == list(range(1, 100)) and len(set(seen[99:])) == 3


@pytest.mark.parametrize("parts", [[[0], [1, 2]], [[1, 2], [0]], [[0, 1, 2]], [[0]], [[1, 2]]])
def test_columns_have_the_same_types_also_when_a_part_holds_failures_only(
    store: RunStore, parts: list[list[int]]
) -> None:
    rows = [failed(0), ok(1, "cat", "cat"), ok(2, None, "dog")]
    store.save(manifest())
    for i, part in enumerate(parts):
        store.add_part(manifest().run_id, i, [rows[j] for j in part])
    table = store.load(manifest().run_id).table
    assert table["confidence"].dtype == np.float64 and table["index"].dtype == np.int64
    assert table["confidence"].isna().tolist() == (table["status"] == "failed").tolist()
    assert table.loc[table["status"] == "failed", ["true_label", "predicted_label"]].isna().all().all()


def test_a_part_written_twice_counts_once(store: RunStore) -> None:
    store.save(manifest())
    for _ in range(2):
        store.add_part(manifest().run_id, 0, [ok(0, "cat", "cat")])
    assert len(store.load(manifest().run_id).table) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_any_rows_are_read_at_any_place(store: RunStore, packed: bool) -> None:
    store.save(manifest(n_images=40_000))
    for part in range(4):
        store.add_part(
            manifest().run_id, part, [ok(i, "cat", "dog") for i in range(part * 10_000, part * 10_000 + 10_000)]
        )
    if packed:
        store.measure(manifest().run_id)
    assert store.is_packed(manifest().run_id) is packed and bool(store.parts(manifest().run_id)) is not packed
    run = store.load(manifest().run_id, ["index", "predicted_label"])
    rows = run.table.loc[[39_999, 0, 17_000, 17_001, 9_999]]
    found = run.detail(rows, ["file", "logits"])
    assert found["file"].tolist() == [f"cat/{i}.png" for i in rows.index] and found.index.equals(rows.index)
    assert found["logits"].iloc[0].tolist() == [1.0, -1.0]
    assert run.detail(rows.head(0), ["file"]).empty
    assert sum(len(batch) for batch in run.files.batches(["file"])) == 40_000


def test_a_run_with_missing_rows_is_measured_but_not_packed(store: RunStore) -> None:
    store.save(manifest(n_images=4))
    store.add_part(manifest().run_id, 0, [ok(0, "cat", "cat")])
    store.measure(manifest().run_id)
    assert not store.is_packed(manifest().run_id) and store.load(manifest().run_id).measured is not None


def test_a_part_that_was_cut_off_is_to_be_done_again(store: RunStore) -> None:
    store.save(manifest())
    for part in range(2):
        store.add_part(manifest().run_id, part, [ok(part, "cat", "cat")])
    path = store.root / manifest().run_id / "part-0000001.parquet"
    path.write_bytes(path.read_bytes()[:100])
    assert store.parts(manifest().run_id) == {0: Part(rows=1, failed=0)}


def test_labels_are_categories_in_the_order_of_the_classes(store: RunStore) -> None:
    store.save(manifest())
    store.add_part(manifest().run_id, 0, [failed(0)])
    store.add_part(manifest().run_id, 1, [ok(1, "dog", "dog"), ok(2, None, "cat")])
    table = store.load(manifest().run_id).table
    assert table["predicted_label"].cat.categories.tolist() == list(NAMES)
    assert table["predicted_label"].cat.codes.tolist() == [-1, 1, 0]
    assert table["true_label"].cat.codes.tolist() == [-1, 1, -1]


def test_a_run_in_use_is_not_deleted(store: RunStore) -> None:
    owner = store.begin(manifest())
    with pytest.raises(DatasetError, match="is being evaluated"):
        store.delete(manifest().run_id)
    owner.release()
    store.delete(manifest().run_id)
    assert store.list() == []


def test_only_a_finished_run_with_the_same_key_has_the_same_answers(store: RunStore) -> None:
    for run_id, key, state in (("a", "k", "finished"), ("b", "k", "running"), ("c", "", "finished")):
        store.save(manifest(run_id, key=key, state=state))
        store.add_part(run_id, 0, [ok(i, "cat", "cat") for i in range(4)])
    found = store.same_as("k")
    assert found is not None and found.run_id == "a"
    assert store.same_as("") is None and store.same_as("other") is None


def test_a_damaged_run_does_not_stand_for_a_new_one(store: RunStore) -> None:
    store.save(manifest(key="k", state="finished"))
    assert store.same_as("k") is None, "its rows are gone"
    store.add_part(manifest().run_id, 0, [ok(i, "cat", "cat") for i in range(4)])
    store.measure(manifest().run_id)
    (store.folder(manifest().run_id) / "evaluation.json").write_text("{")
    assert store.same_as("k") is not None
    evaluation = store.load(manifest().run_id).evaluation()
    assert evaluation is not None and evaluation.accuracy.n == 4
    rows = store.folder(manifest().run_id) / "rows.parquet"
    rows.write_bytes(rows.read_bytes()[:100])
    assert store.same_as("k") is None


def test_a_run_without_rows(store: RunStore) -> None:
    store.save(manifest())
    run = store.load(manifest().run_id)
    assert run.table.empty and run.evaluated.empty and run.failed.empty and run.evaluation() is None


def test_evaluation_counts_only_rows_with_label_and_prediction(store: RunStore) -> None:
    store.save(manifest())
    store.add_part(manifest().run_id, 0, [ok(0, "cat", "cat"), ok(1, "dog", "cat"), failed(2), ok(3, None, "dog")])
    evaluation = store.load(manifest().run_id).evaluation()
    assert evaluation is not None
    assert evaluation.accuracy.n == 2 and evaluation.confusion.tolist() == [[1, 0], [1, 0]]


def test_a_run_without_labels_has_no_evaluation(store: RunStore) -> None:
    store.save(manifest())
    store.add_part(manifest().run_id, 0, [ok(0, None, "cat")])
    assert store.load(manifest().run_id).evaluation() is None


def test_strange_file_names_are_stored(store: RunStore) -> None:
    store.save(manifest(dataset="/data/ü 猫.zip"))
    names = ["<img onerror=1>.png", "\u202egnp.exe", "a\nb", "x" * 5000, "\ufffd"]
    rows = [Row(i, n, None, "cat", 0.5, [0.5, 0.5], [0.0, 0.0], "ok", "") for i, n in enumerate(names)]
    store.add_part(manifest().run_id, 0, rows)
    assert store.load(manifest().run_id).table["file"].tolist() == names


def test_finish(store: RunStore) -> None:
    store.save(manifest())
    done = store.finish(manifest(), "failed", 1.23456, "No.")
    assert store.manifest(done.run_id) == done
    assert (done.state, done.seconds, done.message) == ("failed", 1.235, "No.")


def test_list_is_newest_first_and_skips_what_is_damaged(store: RunStore) -> None:
    for run_id, day in (("a", 1), ("b", 3), ("c", 2)):
        store.save(manifest(run_id, created_utc=f"2026-01-0{day}T00:00:00+00:00"))
    (store.root / "d").mkdir()
    (store.root / "d" / "manifest.json").write_text("{")
    (store.root / "file").write_text("")
    assert [m.run_id for m in store.list()] == ["b", "c", "a"]


def test_delete(store: RunStore) -> None:
    store.save(manifest())
    store.delete(manifest().run_id)
    store.delete(manifest().run_id)
    assert store.list() == []


@pytest.mark.parametrize("run_id", ["", ".", "..", "../x", "/etc", "a/b", ".hidden", "missing"])
def test_there_is_no_such_run(store: RunStore, run_id: str) -> None:
    with pytest.raises(DatasetError) as caught:
        store.load(run_id)
    assert caught.value.code == "run_unknown"


@pytest.mark.parametrize("run_id", ["", "..", "../x", "/etc"])
def test_nothing_outside_the_store_is_deleted(store: RunStore, run_id: str) -> None:
    store.root.mkdir()
    (store.root.parent / "x").mkdir()
    with pytest.raises(DatasetError):
        store.delete(run_id)
    assert (store.root.parent / "x").exists()


def test_a_damaged_part_is_an_error_that_names_the_run(store: RunStore) -> None:
    store.save(manifest())
    store.add_part(manifest().run_id, 0, [ok(0, "cat", "cat")])
    part = store.root / manifest().run_id / "part-0000000.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=manifest().run_id):
        store.load(manifest().run_id)


def test_the_csv_has_a_row_for_every_image(store: RunStore) -> None:
    store.save(manifest())
    store.add_part(manifest().run_id, 0, [ok(0, "cat", "cat"), failed(1), ok(2, None, "dog")])
    out = io.BytesIO()
    write_csv(store.load(manifest().run_id, VIEW_COLUMNS), out)
    table = pd.read_csv(io.BytesIO(out.getvalue()))
    assert out.getvalue().startswith(b"\xef\xbb\xbffile,") and table["file"].tolist()[0] == "cat/0.png"
    assert table["p_dog"].tolist() == [0.25, pytest.approx(np.nan, nan_ok=True), 0.75]
    assert table["reason"].tolist()[1] == "It is damaged." and table["predicted_label"].tolist()[2] == "dog"


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_formulas_are_defused(text: str) -> None:
    table = safe_for_spreadsheets(pd.DataFrame({"file": [text, "cat.png"], "confidence": [-0.5, 1.0]}))
    assert table["file"].tolist() == [f"'{text}", "cat.png"] and table["confidence"].tolist() == [-0.5, 1.0]
    categories = safe_for_spreadsheets(pd.DataFrame({"label": pd.Categorical([text, None])}))
    assert categories["label"].tolist()[0] == f"'{text}" and categories["label"].isna().tolist() == [False, True]


def test_an_interrupted_run_is_found_by_what_it_evaluates(store: RunStore) -> None:
    begun = store.begin(manifest("a", key="k", dataset="/data/x.zip"))
    assert store.interrupted("k", Path("/data/x.zip")) is None  # somebody works on it
    begun.release()
    found = store.interrupted("k", Path("/data/x.zip"))
    assert found and found.run_id == "a"
    assert store.interrupted("other", Path("/data/x.zip")) is None
    assert store.interrupted("k", Path("/data/y.zip")) is None
    store.finish(found, "finished", 1.0)
    assert store.interrupted("k", Path("/data/x.zip")) is None


def test_a_clock_that_was_set_back_gives_no_negative_time(store: RunStore) -> None:
    run_id = manifest().run_id
    store.save(manifest())
    assert store.seconds_of_last_leg(run_id) == 0.0
    store.add_part(run_id, 0, [ok(0, "cat", "cat")])
    for part in store.folder(run_id).glob("part-*"):
        os.utime(part, (0, 0))
    assert store.seconds_of_last_leg(run_id) == 0.0
