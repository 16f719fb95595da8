from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from dashboard.core.datasets.choices import ALL_SPLITS, Choices
from dashboard.core.datasets.described import describe
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.asking import ask
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.evaluation.work import Progress
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.annotations import Annotations
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.left_out import image_count, in_kinds
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from dashboard.reports.provenance import facts_of
from dashboard.schemas.runs import RunRecord
from tests.conftest import MakeZip, encoded, picture
from tests.evaluating import evaluate

TABLE = b"file,label\na/0.png,cat\na/1.png,dog\nb/0.png,dog\nmissing.png,cat\nnowhere.png,cat\n"


def test_rows_of_a_table_without_an_image_are_no_images(
    fast: WorkerPool, store: RunStore, make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    seen: list[Progress] = []
    path = make_zip({"a": 2, "b": 1}, extra={"labels.csv": TABLE})
    manifest = evaluate(path, tiny_version, fast, store, on_progress=seen.append)
    assert (manifest.n_images, manifest.n_without_image, manifest.n_real_images) == (5, 2, 3)
    assert (seen[-1].done, seen[-1].images) == (5, (3, 3))
    folder = store.folder(manifest.run_id)
    run, some = folder.load(VIEW_COLUMNS), folder.load(VIEW_COLUMNS, parse_filter(["file~0"]))
    assert (image_count(run), image_count(some)) == (3, 2)
    assert in_kinds(run) == "2 missing, but named in a table"
    made = datetime(2026, 1, 1, tzinfo=timezone.utc)
    said = [{f.name: f.value for f in facts_of(each, Annotations(), made)}["Images"] for each in (run, some)]
    assert said == ["3, and 2 rows of a table that match no image", "2 of 3"]
    record = RunRecord.of(run)
    assert (record.n_images, record.n_without_image, record.n_failed) == (5, 2, 2)


@pytest.mark.parametrize("folders", [("",), ("train/", "test/")])
def test_labels_are_asked_about_with_the_images_that_are_there(
    make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path, folders: tuple[str, ...]
) -> None:
    table = b"file,label\n0.png,Hund\n1.png,Katze\n2.png,Katze\n3.png,Hund\n4.png,Kuh\n"
    files = {f"{folder}{i}.png": encoded(picture(i)) for folder in folders for i in range(2)}
    path = make_zip({}, extra={**files, **{f"{folder}labels.csv": table for folder in folders}})
    described = describe(path, Choices(split=ALL_SPLITS), tmp_path) if len(folders) > 1 else path
    asked = ask(described, tiny_version, {})
    assert asked.dataset and asked.dataset.samples.n_without_image == 3 * len(folders)
    assert asked.labels and asked.labels.images_unmatched == 2 * len(folders)
    assert {c.label: c.images for c in asked.labels.unmatched} == {
        "Hund": len(folders),
        "Katze": len(folders),
        "Kuh": 0,
    }
    with pytest.raises(DatasetError, match=r"Kuh \(no image is there\); together 0 of \d labelled images"):
        plan_run(described, tiny_version, {"Hund": "dog", "Katze": "cat"})


def test_rows_that_fit_several_images_are_neither_images_nor_failures(
    fast: WorkerPool, store: RunStore, make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    table = "".join(f"{i}.png,cat\n" for i in (0, 1, 2, 0, 1, 2)) + "3.png,dog\nnowhere.png,dog\n"
    path = make_zip({"Ida": 4, "Ben": 3}, extra={"t.csv": f"file,label\n{table}".encode()})
    manifest = evaluate(describe(path, Choices(labels="t.csv"), tmp_path), tiny_version, fast, store)
    assert (manifest.n_images, manifest.n_without_image, manifest.n_real_images) == (8, 1, 7)
    told = "6 rows of t.csv fit several images each, so they give no label: 0.png, 1.png, 2.png. "
    assert told + "Write the whole path of each image in the table." in manifest.notes
    run = store.folder(manifest.run_id).load(VIEW_COLUMNS)
    assert in_kinds(run) == "1 missing, but named in a table"
    record = RunRecord.of(run)
    assert (record.n_evaluated, record.n_labelled, record.n_failed) == (7, 1, 1)
