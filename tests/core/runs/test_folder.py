from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.measuring import measure
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.metrics.intervals import proportion
from dashboard.core.runs.files_beside import FilesBeside
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import COLUMNS, VIEW_COLUMNS
from dashboard.core.runs.stored_rows import Part, StoredRows
from tests.conftest import ROOT
from tests.run_rows import NAMES, Row, failed, manifest, ok, table_of


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "runs" / manifest().run_id)


def test_a_manifest_survives_the_round_trip(folder: RunFolder) -> None:
    mapped = manifest(label_map=(("kitten", "cat"),), notes=("A note.",), imported=True)
    folder.save(mapped)
    assert folder.manifest() == mapped and hash(mapped)
    folder.save(manifest())
    assert folder.manifest() == manifest() and manifest().dataset_name == "pets.zip"


def test_rows_come_back_sorted_whatever_the_order_in_which_they_were_written(folder: RunFolder) -> None:
    folder.save(manifest())
    folder.add_part(1, table_of([ok(3, None, "dog"), failed(2)]))
    folder.add_part(0, table_of([ok(0, "cat", "cat"), ok(1, "dog", "cat")]))
    run = folder.load()
    assert run.table["index"].tolist() == [0, 1, 2, 3] and tuple(run.table.columns) == COLUMNS
    assert run.evaluated["index"].tolist() == [0, 1, 3] and run.failed["reason"].tolist() == ["It is damaged."]
    assert np.asarray(run.table["pred_probs"][1]).tolist() == [0.75, 0.25]


def test_growth_tells_each_of_the_first_parts_and_then_every_hundredth_or_so(folder: RunFolder) -> None:
    folder.save(manifest())
    seen = []
    for part in range(120):
        (folder.path / f"part-{part:07d}.parquet").touch()
        seen.append(folder.rows.growth())
    assert seen[:99] == list(range(1, 100)) and len(set(seen[99:])) == 3


@pytest.mark.parametrize("parts", [[[0], [1, 2]], [[1, 2], [0]], [[0, 1, 2]], [[0]], [[1, 2]]])
def test_columns_have_the_same_types_also_when_a_part_holds_failures_only(
    folder: RunFolder, parts: list[list[int]]
) -> None:
    rows = [failed(0), ok(1, "cat", "cat"), ok(2, None, "dog")]
    folder.save(manifest())
    for i, part in enumerate(parts):
        folder.add_part(i, table_of([rows[j] for j in part]))
    table = folder.load().table
    assert table["confidence"].dtype == np.float64 and table["index"].dtype == np.int64
    assert table["confidence"].isna().tolist() == (table["status"] == "failed").tolist()
    assert table.loc[table["status"] == "failed", ["true_label", "predicted_label"]].isna().all().all()


def test_a_part_written_twice_counts_once(folder: RunFolder) -> None:
    folder.save(manifest())
    for _ in range(2):
        folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    assert len(folder.load().table) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_any_rows_are_read_at_any_place(folder: RunFolder, packed: bool) -> None:
    folder.save(manifest(n_images=40_000))
    for part in range(4):
        folder.add_part(part, table_of([ok(i, "cat", "dog") for i in range(part * 10_000, part * 10_000 + 10_000)]))
    if packed:
        measure(folder)
    assert folder.rows.is_packed() is packed and bool(folder.rows.parts()) is not packed
    run = folder.load(["index", "predicted_label"])
    rows = run.table.loc[[39_999, 0, 17_000, 17_001, 9_999]]
    found = run.detail(rows, ["file", "logits"])
    assert found["file"].tolist() == [f"cat/{i}.png" for i in rows.index] and found.index.equals(rows.index)
    assert found["logits"].iloc[0].tolist() == [1.0, -1.0]
    assert run.detail(rows.head(0), ["file"]).empty
    assert sum(len(batch) for batch in run.files.batches(["file"])) == 40_000


@pytest.mark.parametrize("loaded", [[0, 1, 2], [0, 2]])
@pytest.mark.parametrize("went_on_after", [0, 2])
def test_a_run_that_was_loaded_before_it_was_packed_stays_readable(
    folder: RunFolder, tmp_path: Path, loaded: list[int], went_on_after: int
) -> None:
    """Also if it was loaded while some rows were missing, which then stand between those that it has."""
    rows = [
        ok(0, "cat", "cat"),
        ok(1, "dog", "cat"),
        ok(2, "dog", "dog"),
        failed(3),
        ok(4, "cat", "dog"),
        ok(5, None, "cat"),
    ]
    parts = [rows[:2], rows[2:4], rows[4:]]
    folder.save(manifest(n_images=6))
    for number in loaded:
        folder.add_part(number, table_of(parts[number]))
    expected, run = folder.load(), folder.load(VIEW_COLUMNS)
    wanted = {
        "answers": expected.answers, "column": expected.column("margin"),
        "pred_probs": expected.pred_probs(expected.evaluated), "batches": pd.concat(expected.files.batches(["file"])),
        "narrow": folder.narrow(expected, parse_filter(["correct=no", "file~cat"])),
    }  # fmt: skip
    begun = run.files.batches(["file"])
    before = [next(begun) for _ in range(went_on_after)]
    for number in {0, 1, 2} - {*loaded}:
        folder.add_part(number, table_of(parts[number]))
    measure(folder)
    assert folder.rows.is_packed() and not folder.rows.parts()
    assert run.answers.true_ids.tolist() == wanted["answers"].true_ids.tolist()
    assert run.answers.probabilities.of_label.tolist() == wanted["answers"].probabilities.of_label.tolist()
    assert np.array_equal(run.column("margin"), wanted["column"], equal_nan=True)
    assert run.pred_probs(run.evaluated).tolist() == wanted["pred_probs"].tolist()
    assert folder.narrow(run, parse_filter(["correct=no", "file~cat"])).table.equals(
        wanted["narrow"].table[run.table.columns]
    )
    assert pd.concat([*before, *begun])["file"].tolist() == wanted["batches"]["file"].tolist()
    last = run.table.index[[-1, 0]]
    assert run.detail(run.table.loc[last], ["file"]).equals(expected.table.loc[last, ["file"]])
    run.files.pack(tmp_path / "export.parquet", np.array([1, 3]))
    assert (
        pq.read_table(tmp_path / "export.parquet")["file"].to_pylist() == expected.table["file"].iloc[[1, 3]].tolist()
    )


@pytest.mark.parametrize("listed_first", [False, True])
def test_a_run_that_is_packed_while_it_is_read_has_all_its_rows(folder: RunFolder, listed_first: bool) -> None:
    class PackedMeanwhile(StoredRows):
        def part_paths(self) -> Sequence[Path]:
            before = super().part_paths()
            measure(folder)
            return before if listed_first else super().part_paths()

    folder.save(manifest(n_images=2))
    for part in range(2):
        folder.add_part(part, table_of([ok(part, "cat", "cat")]))
    read = RunFolder(folder.path)
    read.rows = PackedMeanwhile(folder.path)
    assert read.rows.exist() and len(read.load().table) == 2
    assert folder.rows.is_packed() and not folder.rows.parts()


def test_rows_that_are_gone_are_an_error(folder: RunFolder) -> None:
    folder.save(manifest())
    folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    run = folder.load(VIEW_COLUMNS)
    (folder.path / "part-0000000.parquet").unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        _ = run.answers


def test_a_run_with_missing_rows_is_measured_but_not_packed(folder: RunFolder) -> None:
    folder.save(manifest(n_images=4))
    folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    measure(folder)
    assert not folder.rows.is_packed() and folder.load().measured is not None


def test_metrics_of_fewer_rows_than_there_are_now_are_not_used(folder: RunFolder) -> None:
    folder.save(manifest(n_images=4))
    folder.add_part(0, table_of([ok(0, "cat", "cat"), failed(1)]))
    measure(folder)
    folder.add_part(1, table_of([ok(2, None, "cat"), ok(3, "dog", "cat")]))
    run = folder.load()
    assert run.measured is None and (found := run.evaluation()) and found.accuracy == proportion(1, 2)
    assert folder.load(["index"]).measured is None
    measure(folder)
    assert (measured := folder.load(VIEW_COLUMNS).measured) and measured.accuracy == proportion(1, 2)


def test_metrics_of_a_run_that_went_on_while_it_was_measured_are_not_kept(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_on(evaluation: Evaluation) -> None:
        folder.add_part(1, table_of([ok(1, "dog", "cat")]))
        FilesBeside.keep_evaluation(folder.beside, evaluation)

    folder.save(manifest(n_images=2))
    folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    monkeypatch.setattr(folder.beside, "keep_evaluation", go_on)
    measure(folder)
    assert not folder.beside.evaluation_file.exists()


def test_a_part_that_was_cut_off_is_to_be_done_again(folder: RunFolder) -> None:
    folder.save(manifest())
    for part in range(2):
        folder.add_part(part, table_of([ok(part, "cat", "cat")]))
    path = folder.path / "part-0000001.parquet"
    path.write_bytes(path.read_bytes()[:100])
    assert folder.rows.parts() == {0: Part(rows=1, failed=0, notes=Counter())}


def test_labels_are_categories_in_the_order_of_the_classes(folder: RunFolder) -> None:
    folder.save(manifest())
    folder.add_part(0, table_of([failed(0)]))
    folder.add_part(1, table_of([ok(1, "dog", "dog"), ok(2, None, "cat")]))
    table = folder.load().table
    assert table["predicted_label"].cat.categories.tolist() == list(NAMES)
    assert table["predicted_label"].cat.codes.tolist() == [-1, 1, 0]
    assert table["true_label"].cat.codes.tolist() == [-1, 1, -1]


def test_a_run_without_rows(folder: RunFolder) -> None:
    folder.save(manifest())
    run = folder.load()
    assert run.table.empty and run.evaluated.empty and run.failed.empty and run.evaluation() is None


def test_evaluation_counts_only_rows_with_label_and_prediction(folder: RunFolder) -> None:
    folder.save(manifest())
    folder.add_part(0, table_of([ok(0, "cat", "cat"), ok(1, "dog", "cat"), failed(2), ok(3, None, "dog")]))
    evaluation = folder.load().evaluation()
    assert evaluation is not None
    assert evaluation.accuracy.n == 2 and evaluation.confusion.tolist() == [[1, 0], [1, 0]]


def test_a_run_without_labels_has_no_evaluation(folder: RunFolder) -> None:
    folder.save(manifest())
    folder.add_part(0, table_of([ok(0, None, "cat")]))
    assert folder.load().evaluation() is None


def test_strange_file_names_are_stored(folder: RunFolder) -> None:
    folder.save(manifest(dataset="/data/ü 猫.zip", n_images=5))
    names = ["<img onerror=1>.png", "\u202egnp.exe", "a\nb", "x" * 5000, "\ufffd"]
    rows = [Row(i, n, None, "cat", 0.5, [0.5, 0.5], [0.0, 0.0], "ok", "") for i, n in enumerate(names)]
    folder.add_part(0, table_of(rows))
    assert folder.load().table["file"].tolist() == names


def test_finish(folder: RunFolder) -> None:
    folder.save(manifest())
    done = folder.finish(manifest(), "failed", 1.23456, "No.")
    assert folder.manifest() == done
    assert (done.state, done.seconds, done.message) == ("failed", 1.235, "No.")


def test_a_damaged_part_of_a_finished_run_is_an_error_that_names_the_run(folder: RunFolder) -> None:
    folder.save(manifest(state="finished"))
    folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    part = folder.path / "part-0000000.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=manifest().run_id):
        folder.load()


def test_a_clock_that_was_set_back_gives_no_negative_time(folder: RunFolder) -> None:
    folder.save(manifest())
    assert folder.seconds_until_last_part() == 0.0
    folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    for part in folder.path.glob("part-*"):
        os.utime(part, (0, 0))
    assert folder.seconds_until_last_part() == 0.0


TODAY = ROOT / "tests" / "data" / "run"  # files of the version of November 2026, which wrote JSON without pydantic


@pytest.fixture
def written_before(tmp_path: Path) -> RunFolder:
    folder = RunFolder(Path(shutil.copytree(TODAY, tmp_path / "runs" / "20261128-101500-0a1b2c3d")))
    labels = [("cat", "cat"), ("cat", "dog"), ("dog", "dog"), ("dog", "dog")]
    rows = [replace(ok(i, true, predicted), pred_probs=[0.5, 0.4, 0.1]) for i, (true, predicted) in enumerate(labels)]
    folder.add_part(0, table_of(rows))
    return folder


def test_a_manifest_written_before_is_read_and_written_as_it_was(written_before: RunFolder) -> None:
    found = written_before.manifest()
    assert found == RunManifest(
        run_id="20261128-101500-0a1b2c3d",
        created_utc="2026-11-28T10:15:00+00:00",
        dataset="/data/datasets/haustiere ü.zip",
        dataset_sha256=hashlib.sha256(b"dataset").hexdigest(),
        model="pets@3",
        model_sha256=hashlib.sha256(b"model").hexdigest(),
        class_names=("cat", "dog", "fish"),
        n_images=6,
        fit="pad",
        unknown_labels=("zebra",),
        label_map=(("cat", "cat"), ("hound", "dog"), ("thing", "(no label)"), ("blurred", "(leave out)")),
        notes=("Labels are taken from labels.csv.",),
        chunk_size=4,
        key=hashlib.sha256(b"key").hexdigest(),
        state="finished",
        seconds=1.234,
    )
    written_before.save(found)
    before = (TODAY / "manifest.json").read_bytes()
    since_december = b',\n  "user": "",\n  "labels": "",\n  "arrays": "",\n  "n_without_image": 0,\n  "familiarity_kept": null,\n  "recorded_accuracy": null,\n  "input_size": null,\n  "resample": "lanczos"\n}\n'  # fields since December 2026
    lines = (written_before.path / "manifest.json").read_bytes().splitlines(keepends=True)
    assert b"crc32" in lines.pop(1) and b"".join(lines) == before.removesuffix(b"\n}\n") + since_december


def test_metrics_written_before_are_read_and_written_as_they_were(written_before: RunFolder) -> None:
    found = written_before.load().measured
    assert found is not None and found.class_names == ("cat", "dog", "fish")
    assert astuple(found.accuracy) == pytest.approx(astuple(proportion(3, 4))) and found.macro_f1 == pytest.approx(
        (2 / 3 + 4 / 5) / 2
    )
    assert found.confusion.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert found.per_class["class"].tolist() == ["cat", "dog", "fish"] and found.per_class["images"].tolist() == [
        2,
        2,
        0,
    ]
    assert np.allclose(found.per_class["precision"], [1, 2 / 3, np.nan], equal_nan=True)
    assert np.allclose(found.per_class[["recall", "f1"]], [[0.5, 2 / 3], [1, 0.8], [np.nan, np.nan]], equal_nan=True)
    assert found.reliability is not None and found.reliability.images.tolist() == [0] * 8 + [1, 0, 0, 1, 0, 1, 1]
    assert np.flatnonzero(~np.isnan(found.reliability.confidence)).tolist() == [8, 11, 13, 14]
    assert found.ece15 == pytest.approx((0.55 + 0.2 + 0.1 + 0.01) / 4)
    written_before.beside.keep_evaluation(found)
    lines = (written_before.path / "evaluation.json").read_bytes().splitlines(keepends=True)
    assert b"crc32" in lines.pop(1) and b"".join(lines) == (TODAY / "evaluation.json").read_bytes()


def test_what_came_later_may_be_missing_in_old_files(written_before: RunFolder) -> None:
    for name, later in (
        ("manifest.json", ("fit", "chunk_size", "notes", "key")),
        ("evaluation.json", ("reliability",)),
    ):
        record = json.loads((TODAY / name).read_text(encoding="utf-8"))
        for key in later:
            del record[key]
        (written_before.path / name).write_text(json.dumps(record))
    found = written_before.load()
    assert (found.manifest.fit, found.manifest.chunk_size, found.manifest.key) == (None, 128, "")
    assert found.measured is not None and found.measured.ece15 is None


@pytest.mark.parametrize(
    "text, fault",
    [("{", "Invalid JSON"), ("[]", "object"), ("{}", "manifest.json.run_id: Field required"), ("\x00", "Invalid JSON")],
)
def test_a_file_that_is_no_manifest_is_named(folder: RunFolder, text: str, fault: str) -> None:
    folder.save(manifest())
    (folder.path / "manifest.json").write_text(text)
    with pytest.raises(DatasetError, match=fault) as caught:
        folder.manifest()
    assert caught.value.code == "run_damaged" and caught.value.fix and folder.run_id in caught.value.message


@pytest.mark.parametrize(
    "key, value",
    [("n_images", "many"), ("state", "sleeping"), ("label_map", [["cat"]]), ("class_names", "cat"), ("fit", 3)],
)
def test_a_manifest_with_a_field_that_does_not_fit_names_it(folder: RunFolder, key: str, value: object) -> None:
    folder.save(manifest())
    file = folder.path / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(DatasetError, match=rf"manifest\.json\.{key}"):
        folder.manifest()


@pytest.mark.parametrize(
    "key, value",
    [
        ("confusion", [[1], [1, 2]]), ("confusion", [None]), ("per_class", {"class": ["cat"]}), ("per_class", None),
        ("per_class", {"class": ["cat"], "images": [1, 2], "precision": [1], "recall": [1], "f1": [1]}),
        ("reliability", {"upper": [1]}), ("accuracy", 0.5),
        ("class_names", ["dog", "cat"]), ("confusion", [[5, 0], [0, 0]]),  # of another run
    ],
)  # fmt: skip
def test_metrics_that_do_not_fit_are_computed_anew(folder: RunFolder, key: str, value: object) -> None:
    folder.save(manifest())
    folder.add_part(0, table_of([ok(i, "cat", "cat") for i in range(4)]))
    measure(folder)
    file = folder.path / "evaluation.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    run = folder.load()
    assert run.measured is None and (found := run.evaluation()) and found.accuracy.n == 4
