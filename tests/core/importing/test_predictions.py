"""Predictions of other programs: every format, and every mistake in them."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.analysis.findings.find import find_in, find_of
from dashboard.core.analysis.label_issues import label_issues
from dashboard.core.datasets.attributes import MOST_COLUMNS
from dashboard.core.errors import DatasetError, listed
from dashboard.core.importing import predictions_file
from dashboard.core.importing.dropped import recognise
from dashboard.core.importing.predictions import Imported, ImportRequest, import_predictions
from dashboard.core.importing.which_arrays import Reading
from dashboard.core.labels.class_names import LEAVE_OUT
from dashboard.core.questions import UndecidedError
from dashboard.core.runs.evaluate_again import import_again
from dashboard.core.runs.export import csv_bytes
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.store import RunStore
from dashboard.reports.build import report_of
from dashboard.reports.markdown_file import to_markdown

PROBS = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.5, 0.25, 0.25]])
NAMES = ("cat", "dog", "frog")
LABELS = ["cat", "dog", "dog", "cat"]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def table(probs: np.ndarray = PROBS, prefix: str = "p_") -> pd.DataFrame:
    columns = {f"{prefix}{name}": probs[:, i] for i, name in enumerate(NAMES)}
    return pd.DataFrame({"file": [f"{i}.png" for i in range(len(probs))], "label": LABELS[: len(probs)], **columns})


def import_file(
    path: Path,
    store: RunStore,
    class_names: Sequence[str] | None = None,
    labels: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    **facts: Any,
) -> Imported:
    return import_predictions(ImportRequest(path, class_names, labels, **facts), store, on_progress)


def check(imported: Imported, store: RunStore) -> None:
    """It is the run of PROBS and LABELS."""
    run = store.folder(imported.manifest.run_id).load()
    assert imported.manifest.imported and imported.manifest.state == "finished" == run.manifest.state
    assert run.table["true_label"].tolist() == LABELS
    assert run.table["predicted_label"].tolist() == ["cat", "dog", "frog", "cat"]
    assert np.allclose(np.stack(list(run.table["pred_probs"])), PROBS)
    assert run.table["confidence"].tolist() == pytest.approx([0.7, 0.8, 0.4, 0.5])
    evaluation = run.evaluation()
    assert evaluation is not None and evaluation.accuracy.value == 0.75 and evaluation.accuracy.n == 4
    assert imported.evaluation is not None and imported.evaluation.confusion.tolist() == evaluation.confusion.tolist()


def refused(path: Path, store: RunStore, **options: object) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        import_file(path, store, **options)  # type: ignore[arg-type]
    assert caught.value.fix and store.list() == []
    return caught.value


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv(tmp_path: Path, store: RunStore, separator: str) -> None:
    table().to_csv(tmp_path / "x.csv", sep=separator, index=False, encoding="utf-8-sig")
    imported = import_file(tmp_path / "x.csv", store)
    check(imported, store)
    assert imported.manifest.model == "x" and imported.manifest.class_names == NAMES
    assert store.folder(imported.manifest.run_id).load().table["file"].tolist() == ["0.png", "1.png", "2.png", "3.png"]


def test_the_order_of_columns_does_not_matter_where_classes_are_named(tmp_path: Path, store: RunStore) -> None:
    table(prefix="")[["frog", "label", "cat", "dog"]].to_csv(tmp_path / "x.csv", index=False)
    check(import_file(tmp_path / "x.csv", store, NAMES), store)


def test_parquet_with_columns_and_with_lists(tmp_path: Path, store: RunStore) -> None:
    table().to_parquet(tmp_path / "x.parquet")
    check(import_file(tmp_path / "x.parquet", store), store)
    pq.write_table(pa.table({"pred_probs": PROBS.tolist(), "true_label": LABELS}), tmp_path / "y.parquet")
    check(import_file(tmp_path / "y.parquet", store, NAMES), store)


def test_arrays_with_labels_beside_them(tmp_path: Path, store: RunStore) -> None:
    ids = np.array([NAMES.index(label) for label in LABELS])
    np.savez(tmp_path / "x.npz", pred_probs=PROBS.astype(np.float32), labels=ids)
    imported = import_file(tmp_path / "x.npz", store, NAMES)
    check(imported, store)
    assert any("class ids" in note for note in imported.manifest.notes)
    np.save(tmp_path / "x.npy", PROBS)
    np.save(tmp_path / "y.npy", ids)
    check(import_file(tmp_path / "x.npy", store, NAMES, tmp_path / "y.npy"), store)
    (tmp_path / "y.csv").write_text("label\n" + "\n".join(LABELS))
    check(import_file(tmp_path / "x.npy", store, NAMES, tmp_path / "y.csv"), store)


def test_labels_by_file_name_in_any_order(tmp_path: Path, store: RunStore) -> None:
    table().drop(columns="label").to_csv(tmp_path / "x.csv", index=False)
    truth = {f"{i}.png": label for i, label in reversed(list(enumerate(LABELS)))}
    (tmp_path / "truth.json").write_text(json.dumps({**truth, "more.png": "dog"}))
    check(import_file(tmp_path / "x.csv", store, labels=tmp_path / "truth.json"), store)


@pytest.mark.parametrize("column", ["", "uuid", "sample"])
@pytest.mark.parametrize("suffix", [".png", ""])
def test_a_column_of_labels_with_the_names_of_the_predictions_is_found_whatever_it_is_called(
    tmp_path: Path, store: RunStore, column: str, suffix: str
) -> None:
    table().drop(columns="label").to_csv(tmp_path / "x.csv", index=False)
    rows = [f"test,{label},{i}{suffix}" for i, label in enumerate(LABELS)]
    (tmp_path / "truth.csv").write_text("\n".join([f"part,label,{column}", *reversed(rows)]))
    imported = import_file(tmp_path / "x.csv", store, labels=tmp_path / "truth.csv")
    check(imported, store)
    called = f"The column {column} of truth.csv" if column else "Column 3, without a name, of truth.csv"
    assert f"{called} holds the file names of the predictions, so labels go by it." in imported.manifest.notes


@pytest.mark.parametrize(
    "header, others, said",
    [
        ("label", "", "truth.csv names no files"),
        ("label,uuid", ",a{i}.png", "truth.csv names no files"),  # other names
        ("label,one,two", ",{i}.png,{i}", "truth.csv names no files"),  # either may be meant
        ("label,fold", ",1", "truth.csv names no files"),  # the name of one prediction only
    ],
)
def test_labels_that_go_by_their_order_although_the_predictions_have_names_are_told(
    tmp_path: Path, store: RunStore, header: str, others: str, said: str
) -> None:
    table().drop(columns="label").to_csv(tmp_path / "x.csv", index=False)
    rows = [label + others.format(i=3 - i) for i, label in enumerate(LABELS)]
    (tmp_path / "truth.csv").write_text("\n".join([header, *rows]))
    imported = import_file(tmp_path / "x.csv", store, labels=tmp_path / "truth.csv")
    check(imported, store)
    assert any(said in note and "the first is for 0.png" in note for note in imported.manifest.notes)


def test_tables_without_a_known_column_of_names_are_told_to_go_by_their_order(tmp_path: Path, store: RunStore) -> None:
    table().drop(columns="label").rename(columns={"file": "sample_id"}).to_csv(tmp_path / "x.csv", index=False)
    pd.DataFrame({"patient": range(4), "label": LABELS}).to_csv(tmp_path / "truth.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store, labels=tmp_path / "truth.csv")
    assert any("Neither the predictions nor truth.csv" in note for note in imported.manifest.notes)


def test_file_names_match_however_they_are_written(tmp_path: Path, store: RunStore) -> None:
    """With composed or decomposed accents, and with backslashes."""
    table().assign(file=[f"d/\u00e9{i}.png" for i in range(4)]).drop(columns="label").to_csv(
        tmp_path / "x.csv", index=False
    )
    truth = {f".\\d\\e\u0301{i}.png": label for i, label in enumerate(LABELS)}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    check(import_file(tmp_path / "x.csv", store, labels=tmp_path / "truth.json"), store)
    truth = {"d/\u00e90.png": "cat", "d/e\u03010.png": "dog"}
    (tmp_path / "truth.json").write_text(json.dumps(truth, ensure_ascii=False))
    with pytest.raises(DatasetError, match="two labels: cat, dog"):
        import_file(tmp_path / "x.csv", store, labels=tmp_path / "truth.json")


def test_classes_without_names_go_by_their_numbers(tmp_path: Path, store: RunStore) -> None:
    np.save(tmp_path / "x.npy", PROBS)
    imported = import_file(tmp_path / "x.npy", store, model="theirs")
    assert imported.manifest.class_names == ("0", "1", "2") and imported.manifest.model == "theirs"
    assert imported.evaluation is None and "no names" in imported.manifest.notes[0]


def test_parts_come_back_in_order(tmp_path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions_file, "PIECE_ROWS", 3)
    seen = []
    table().to_csv(tmp_path / "x.csv", index=False)
    check(import_file(tmp_path / "x.csv", store, on_progress=lambda *p: seen.append(p)), store)
    assert seen == [(3, 4), (4, 4)]
    np.save(tmp_path / "x.npy", PROBS)
    (tmp_path / "truth.csv").write_text("file,label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(LABELS)))
    imported = import_file(tmp_path / "x.npy", store, NAMES, tmp_path / "truth.csv")
    check(imported, store)
    assert store.folder(imported.manifest.run_id).load().table["file"].tolist() == ["0", "1", "2", "3"]


def test_many_classes_come_in_smaller_pieces(tmp_path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions_file, "PIECE_NUMBERS", 6)  # two rows of three classes
    np.save(tmp_path / "x.npy", PROBS)
    pq.write_table(pa.table({"pred_probs": PROBS.tolist(), "label": LABELS}), tmp_path / "x.parquet")
    table().to_csv(tmp_path / "x.csv", index=False)
    seen = []
    for suffix in ("npy", "parquet", "csv"):
        import_file(tmp_path / f"x.{suffix}", store, NAMES, on_progress=lambda *p: seen.append(p))
    assert seen == 3 * [(2, 4), (4, 4)]


@pytest.mark.parametrize(
    "in_predictions, in_labels",
    [("d/{}.png", "{}"), ("{}.png", "photos/{}.PNG"), ("d/{}.png", "D/{}.png"), ("{}", "d/{}.png")],
)
def test_file_names_are_matched_as_in_a_table_beside_images(
    tmp_path: Path, store: RunStore, in_predictions: str, in_labels: str
) -> None:
    """Without folder or suffix, or in another case."""
    rows = table().drop(columns="label").assign(file=[in_predictions.format(i) for i in range(4)])
    rows.to_csv(tmp_path / "x.csv", index=False)
    truth = {in_labels.format(i): label for i, label in enumerate(LABELS)}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    check(import_file(tmp_path / "x.csv", store, labels=tmp_path / "truth.json"), store)


def test_labels_for_files_that_may_be_several_are_told(tmp_path: Path, store: RunStore) -> None:
    rows = table().drop(columns="label").assign(file=["a/0.png", "b/0.png", "1.png", "1.png"])
    rows.to_csv(tmp_path / "x.csv", index=False)
    (tmp_path / "truth.json").write_text(json.dumps({"0.png": "cat"}))
    assert (
        "several predictions are for files called so"
        in refused(tmp_path / "x.csv", store, labels=tmp_path / "truth.json").message
    )
    (tmp_path / "truth.json").write_text(json.dumps({"0.png": "cat", "1.png": "dog"}))
    imported = import_file(tmp_path / "x.csv", store, labels=tmp_path / "truth.json")
    assert store.folder(imported.manifest.run_id).load().table["true_label"].tolist()[2:] == ["dog", "dog"]
    assert imported.manifest.notes[1:] == (
        "Named in truth.json, but several predictions are for files called so: 0.png.",
        "2 images have no label in truth.json, so predicted but not compared: a/0.png, b/0.png.",
        "1 row repeats the file name of an earlier row.",
    )


def test_notes_on_a_table_of_labels_list_each_file_once(tmp_path: Path, store: RunStore) -> None:
    table().drop(columns="label").assign(file=["a/0.png", "b/0.png", "1.png", "2.png"]).to_csv(tmp_path / "x.csv")
    rows = "1.png,1,1,0\n1.png,1,1,0\n0.png,1,0,0\n0.png,1,0,0\n2.png,0,0,1\n"
    (tmp_path / "t.csv").write_text(f"file,cat,dog,frog\n{rows}")
    imported = import_file(tmp_path / "x.csv", store, labels=tmp_path / "t.csv")
    assert "Without exactly one label in t.csv, so not compared: 1.png." in imported.manifest.notes
    told = "Named in t.csv, but several predictions are for files called so: 0.png."
    assert told in imported.manifest.notes


def test_rows_without_a_label_are_told(tmp_path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions_file, "PIECE_ROWS", 3)
    rows = pd.concat([table()] * 5, ignore_index=True)
    rows["file"] = [f"{i}.png" for i in range(20)]
    rows.loc[2:11, "label"] = None
    rows.to_csv(tmp_path / "x.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.n_evaluated == 20 and imported.evaluation is not None and imported.evaluation.accuracy.n == 10
    named = ", ".join(f"{i}.png" for i in range(2, 10))
    assert imported.manifest.notes == (
        f"10 images have no label in x.csv, so predicted but not compared: {named} and 2 more.",
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_further_columns_are_attributes(tmp_path: Path, store: RunStore, kind: str) -> None:
    """Those of the predictions and those of the labels."""
    rows = table().drop(columns="label").assign(site=["A", "B", "A", "B"], age=[3, 40, 5, 60])
    rows.to_csv(tmp_path / "x.csv", index=False) if kind == "csv" else rows.to_parquet(tmp_path / "x.parquet")
    truth = [{"file": f"{i}.png", "label": LABELS[i], "camera": f"c{i}", "site": "Z"} for i in (3, 2, 0)]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    imported = import_file(tmp_path / f"x.{kind}", store, labels=tmp_path / "truth.json")
    folder = store.folder(imported.manifest.run_id)
    assert folder.load().further_columns(np.arange(4)).to_pydict() == {
        "site": ["A", "B", "A", "B"], "age": [3, 40, 5, 60], "camera": ["c0", None, "c2", "c3"],
        "site (2)": ["Z", None, "Z", "Z"],
    }  # fmt: skip
    assert folder.load(conditions=parse_filter(["site=A", "age>3"])).table.index.tolist() == [2]
    (tmp_path / "order.csv").write_text("label,camera\n" + "".join(f"{label},k\n" for label in LABELS))
    np.save(tmp_path / "p.npy", PROBS)
    imported = import_file(tmp_path / "p.npy", store, NAMES, tmp_path / "order.csv")
    assert store.folder(imported.manifest.run_id).load().further_names == ("camera",)


def test_not_all_of_very_many_columns_are_kept(tmp_path: Path, store: RunStore) -> None:
    more = pd.DataFrame({f"c{i}": [i] * 4 for i in range(MOST_COLUMNS + 1)})
    pd.concat([table(), more], axis=1).to_csv(tmp_path / "x.csv", index=False)
    (tmp_path / "truth.json").write_text(json.dumps([{"file": "0.png", "label": "cat", "camera": 1}]))
    for labels in (None, tmp_path / "truth.json"):
        imported = import_file(tmp_path / "x.csv", store, labels=labels)
        assert len(store.folder(imported.manifest.run_id).load().further_names) == MOST_COLUMNS
        assert f"all after the first {MOST_COLUMNS}." in " ".join(imported.manifest.notes)


@pytest.mark.parametrize(
    "column, names, order",
    [("p_dog", ("cat", "dog"), (1, 0)), ("p_dog", ("dog", "cat"), (0, 1)), ("score", ("cat", "dog"), (1, 0)),
     ("dog", ("cat", "dog"), (1, 0)), ("p_it", ("cat", "dog"), (1, 0)), (None, ("cat", "dog"), (1, 0))],
)  # fmt: skip
def test_one_probability_per_row_is_that_of_the_second_class(
    tmp_path: Path, store: RunStore, column: str | None, names: tuple[str, str], order: tuple[int, int]
) -> None:
    """Unless its column names the first one. Without the names of both classes, it is told what to add."""
    sure = np.array([0.1, 0.75, np.nan])
    if column:
        path = tmp_path / "x.csv"
        pd.DataFrame({"file": ["a", "b", "c"], column: sure}).to_csv(path, index=False)
    else:
        path = tmp_path / "x.npy"
        np.save(path, sure[:2])
        np.save(tmp_path / "y.npy", sure[:2, None])
        import_file(tmp_path / "y.npy", store, names)
        store.delete(store.list()[0].run_id)
    error = refused(path, store) if column != "dog" else refused(path, store, class_names=("dog",))
    assert "--class-names" in error.fix and (column == "dog" or "one probability per row" in error.message)
    imported = import_file(path, store, names)
    run = store.folder(imported.manifest.run_id).load()
    expected = np.column_stack([sure, 1 - sure])[:2, order]
    assert np.allclose(np.stack(list(run.evaluated["pred_probs"])), expected) and len(run.evaluated) == 2
    assert run.evaluated["predicted_label"].tolist() == ["cat", "dog"]
    assert imported.manifest.class_names == names and "1 minus it" in imported.manifest.notes[0]


@pytest.mark.parametrize(
    "numbers, fix",
    [(np.log(PROBS + 0.01) * 3, "Save probabilities, the softmax of logits."),
     (PROBS * 100, "These look like percentages: divide them by 100.")],
)  # fmt: skip
def test_arrays_without_probabilities_are_told_what_to_save_at_once(
    tmp_path: Path, store: RunStore, numbers: np.ndarray, fix: str
) -> None:
    """And that helps, with the other arrays as they are."""
    others = {"features": np.full((4, 9), 7.5), "labels": np.array(LABELS), "class_names": np.array(NAMES)}
    np.savez(tmp_path / "x.npz", logits=numbers, **others)
    error = refused(tmp_path / "x.npz", store)
    assert "x.npz: logits: row 0 holds numbers outside 0 to 1" in error.message and error.fix == fix
    np.savez(tmp_path / "x.npz", logits=PROBS, **others)
    assert import_file(tmp_path / "x.npz", store).manifest.class_names == NAMES


def test_the_two_true_labels_name_the_classes_of_one_probability_per_row(tmp_path: Path, store: RunStore) -> None:
    """If the file does not tell which of them it is of, both orders are offered."""
    (tmp_path / "x.csv").write_text("file,label,prob\na,ok,0.1\nb,bad,0.8\n")
    assert "`--class-names bad,ok` or `--class-names ok,bad`" in refused(tmp_path / "x.csv", store).fix
    (tmp_path / "x.csv").write_text("file,label,p_bad\na,ok,0.1\nb,bad,0.8\n")
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.manifest.class_names == ("ok", "bad") and "taken as that of bad" in imported.manifest.notes[0]
    assert imported.evaluation and imported.evaluation.accuracy.value == 1


def test_columns_that_are_no_known_ones_can_be_named(tmp_path: Path, store: RunStore) -> None:
    table(prefix="").assign(age=[30, 40, 50, 60]).drop(columns="label").to_csv(tmp_path / "x.csv", index=False)
    assert "`--class-names cat,dog,frog`" in refused(tmp_path / "x.csv", store).fix


@pytest.mark.parametrize("names", [None, ("0", "1", "2")])
def test_columns_of_numbered_classes_beside_one_without_a_name(
    tmp_path: Path, store: RunStore, names: tuple[str, ...] | None
) -> None:
    pd.DataFrame(PROBS).to_csv(tmp_path / "x.csv")
    imported = import_file(tmp_path / "x.csv", store, names)
    assert imported.manifest.class_names == ("0", "1", "2") and imported.n_evaluated == 4
    assert bool(names) != ("The columns 0, 1, 2 are used as probabilities" in " ".join(imported.manifest.notes))


def test_the_likeliest_classes_of_each_row_are_used_as_predicted_classes(tmp_path: Path, store: RunStore) -> None:
    frame = pd.DataFrame(
        {"label": LABELS, "pred_1": ["cat", "dog", "frog", "cat"], "score_1": [0.7, 0.8, 0.4, 0.5],
         "pred_2": ["dog", "cat", "dog", "frog"], "score_2": [0.2, 0.1, 0.3, 0.3]}
    )  # fmt: skip
    frame.to_csv(tmp_path / "x.csv", index=False)
    error = refused(tmp_path / "x.csv", store)
    assert "call the column pred_1 prediction" in error.fix and "--class-names" not in error.fix
    frame.rename(columns={"pred_1": "prediction"}).to_csv(tmp_path / "x.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.evaluation and imported.evaluation.accuracy.value == 0.75
    numbers = {f"pred_{i + 1}": PROBS[:, i] for i in range(3)}  # probabilities of classes that are numbered from 1
    pd.DataFrame({"label": LABELS, **numbers}).to_csv(tmp_path / "y.csv", index=False)
    with pytest.raises(DatasetError) as caught:
        import_file(tmp_path / "y.csv", store)
    assert "--class-names pred_1,pred_2,pred_3" in caught.value.fix


def test_the_one_column_that_may_hold_probabilities_is_named(tmp_path: Path, store: RunStore) -> None:
    (tmp_path / "x.csv").write_text("label,defect,age\nother,0.25,30\ndefect,0.75,40\n")
    assert "`--class-names other,defect`" in refused(tmp_path / "x.csv", store).fix
    imported = import_file(tmp_path / "x.csv", store, ("other", "defect"))
    assert imported.evaluation and imported.evaluation.accuracy.value == 1


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "columns, rename",
    [
        ({"true_label": LABELS, "label": NAMES[:1] * 3 + NAMES[1:2]}, {"label": "prediction"}),
        ({"y_true": [0, 1, 1, 0], "y_pred_a": [0, 1, 1, 1]}, {"y_pred_a": "prediction"}),
        ({"y_true": [0, 1, 2, 0], "a": [0, 1, 2, 1], "b": [1, 1, 2, 1]}, {"a": "prediction"}),
        ({"y_true": [0, 1, 1, 0], "a": [0, 1, 1, 1], "b": [0, 1, 1, 0]}, {"a": "prediction"}),
        ({"file": ["a", "b", "c", "d"], "label": LABELS, "confidence": [0.5, 0.75, 0.5, 0.5]}, {"label": "prediction"}),
    ],
)
def test_without_probabilities_the_advice_is_the_column_of_predicted_classes(
    tmp_path: Path, store: RunStore, columns: dict[str, Sequence[Any]], rename: dict[str, str], kind: str
) -> None:
    """And it works."""
    path, frame = tmp_path / f"x.{kind}", pd.DataFrame(columns)

    def write(table: pd.DataFrame) -> None:
        table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)

    write(frame)
    for names in (None, ("cat", "dog")):
        error = refused(path, store, class_names=names)
        assert "has no columns of probabilities, and none is called prediction" in error.message
        assert "predicted classes prediction" in error.fix and "--class-names" not in error.fix
    write(frame.rename(columns=rename))
    assert import_file(path, store).n_failed == 0


def test_percentages_in_columns_of_any_name_are_no_predicted_classes(tmp_path: Path, store: RunStore) -> None:
    (tmp_path / "x.csv").write_text("label;cat;dog\ncat;90,5;9,5\ndog;;\n")
    assert "`--class-names cat,dog`" in refused(tmp_path / "x.csv", store).fix


def test_a_column_of_predictions_that_holds_no_classes_is_told(tmp_path: Path, store: RunStore) -> None:
    (tmp_path / "x.csv").write_text("label,prediction\n20.5,31.5\n31.5,40.5\n")
    error = refused(tmp_path / "x.csv", store)
    assert (
        "prediction does not hold classes" in error.message
        and "names or whole numbers from 0, in prediction" in error.fix
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_further_columns_of_true_labels_are_told_if_they_differ(tmp_path: Path, store: RunStore, kind: str) -> None:
    path = tmp_path / f"x.{kind}"

    def notes(labels: Path | None = None, **columns: Sequence[Any]) -> tuple[str, ...]:
        frame = table().assign(**columns)
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
        return import_file(path, store, labels=labels).manifest.notes

    other = ["dog", "cat", "dog", "cat"]
    told = f"x.{kind} has several columns that may hold labels: label is used, category is not."
    assert notes(category=other) == (told,)
    assert notes(true_label=LABELS, label=other) == (
        told.replace("label is", "true_label is").replace("category", "label"),
    )
    (tmp_path / "y.csv").write_text("file,label\n" + "".join(f"{i}.png,{each}\n" for i, each in enumerate(LABELS)))
    assert notes(tmp_path / "y.csv", category=other) == ("Labels are taken from y.csv.",)
    assert notes(category=LABELS, label_id=[0, 1, 1, 0]) == ()
    assert told.replace("category", "class") in notes(**{"class": ["cat", None, "[1, 2]", "cat"]})


def test_classes_may_be_called_like_columns_of_files_or_labels(tmp_path: Path, store: RunStore) -> None:
    (tmp_path / "x.csv").write_text("photo,choice\n0.9,0.1\n0.2,0.8\n")
    run = store.folder(import_file(tmp_path / "x.csv", store, ("photo", "choice")).manifest.run_id).load()
    assert run.evaluated["predicted_label"].tolist() == ["photo", "choice"]


@pytest.mark.parametrize(
    "row, fix",
    [
        ([65.6, 34.4, 0.0], "These look like percentages: divide them by 100."),
        ([33.0, 33.0, 33.0], "These look like percentages: divide them by 100."),
        ([2.0, 0.5, 1.0], "divide by 100 if these are percentages, take the softmax if these are logits"),
        ([2.0, -1.0, 0.0], "Save probabilities, the softmax of logits."),
        ([65.6], "divide by 100 if these are percentages, take the sigmoid if these are logits"),
    ],
)
def test_percentages_and_logits_are_told_apart(tmp_path: Path, store: RunStore, row: list[float], fix: str) -> None:
    np.save(tmp_path / "x.npy", np.array([row]))
    assert fix in refused(tmp_path / "x.npy", store, class_names=("a", "b") if len(row) == 1 else None).fix


def test_files_that_are_named_twice_are_counted(
    tmp_path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions_file, "PIECE_ROWS", 2)
    table().assign(file=["a", "b", "a", "a"]).to_csv(tmp_path / "x.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.manifest.notes == ("2 rows repeat the file name of an earlier row.",)
    assert store.folder(imported.manifest.run_id).manifest().notes == imported.manifest.notes


def test_rows_without_a_prediction_or_with_a_label_that_is_left_out_are_failed(tmp_path: Path, store: RunStore) -> None:
    rows = table().assign(reason=["", "It is damaged.", "", ""])
    rows.loc[1, ["p_cat", "p_dog", "p_frog"]] = np.nan
    rows.loc[2, "label"] = "zebra"
    rows.loc[3, "label"] = None
    rows.to_csv(tmp_path / "x.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store, label_map={"zebra": LEAVE_OUT})
    run = store.folder(imported.manifest.run_id).load()
    assert run.table["status"].tolist() == ["ok", "failed", "failed", "ok"]
    assert run.failed["reason"].tolist() == ["It is damaged.", "Its label 'zebra' was left out."]
    assert (imported.n_failed, imported.n_left_out) == (1, 1)
    assert imported.evaluation is not None and imported.evaluation.accuracy.n == 1


def test_labels_that_are_no_classes_are_asked_about(tmp_path: Path, store: RunStore) -> None:
    table().replace({"label": {"dog": "zebra"}}).to_csv(tmp_path / "x.csv", index=False)
    error = refused(tmp_path / "x.csv", store)
    assert error.code == "labels_unknown" and store.list() == []
    zebras = list(LABELS).count("dog")
    assert error.message == (
        f"1 label is not a class of x.csv: zebra ({zebras} row{'s' if zebras > 1 else ''}); together {zebras} of 4 labelled rows."
    )
    assert "--map zebra=CLASS" in error.fix and "--map '*='" in error.fix
    imported = import_file(tmp_path / "x.csv", store, label_map={"zebra": "dog"})
    assert imported.evaluation and imported.evaluation.accuracy.n == 4


@pytest.mark.parametrize(("first", "said"), [(0, ""), (1, "counted from 1, since they are exactly 1 to 3")])
def test_class_ids_of_classes_without_names_may_count_from_one(
    tmp_path: Path, store: RunStore, first: int, said: str
) -> None:
    np.savez(tmp_path / "x.npz", pred_probs=np.eye(3)[[0, 1, 2, 2]], labels=np.array([0, 1, 2, 2]) + first)
    imported = import_file(tmp_path / "x.npz", store)
    assert imported.evaluation and (imported.evaluation.accuracy.value, imported.evaluation.accuracy.n) == (1, 4)
    notes = " ".join(imported.manifest.notes)
    assert said in notes and ("class ids" in notes) is bool(first)


def test_class_ids_of_classes_without_names_are_asked_about_if_they_may_count_from_one(
    tmp_path: Path, store: RunStore
) -> None:
    np.savez(tmp_path / "x.npz", pred_probs=np.eye(3)[[0, 1]], labels=[1, 2])
    with pytest.raises(UndecidedError, match="numbers from 1 to 2 without 0"):
        import_file(tmp_path / "x.npz", store)
    for first_id, right in ((0, 0), (1, 1)):
        imported = import_file(tmp_path / "x.npz", store, first_id=first_id)
        assert imported.evaluation and imported.evaluation.accuracy.value == right


def test_class_ids_beside_columns_that_are_called_by_numbers(tmp_path: Path, store: RunStore) -> None:
    """p_1 to p_3 with the labels 0 to 2: whoever says that they count from 0 is right."""
    probs = pd.DataFrame(np.eye(3)[[0, 1, 2]], columns=["p_1", "p_2", "p_3"]).assign(label=["0", "1", "2"])
    probs.to_csv(tmp_path / "x.csv", index=False)
    error = refused(tmp_path / "x.csv", store)
    assert "0 (1 row)" in error.message and "--labels-from 0" in error.fix
    imported = import_file(tmp_path / "x.csv", store, first_id=0)
    assert imported.evaluation and imported.evaluation.accuracy.value == 1


def test_a_label_map(tmp_path: Path, store: RunStore) -> None:
    table().replace({"label": {"dog": "hound"}}).to_csv(tmp_path / "x.csv", index=False)
    check(import_file(tmp_path / "x.csv", store, label_map={"hound": "dog"}), store)


@pytest.mark.parametrize(
    "row, said",
    [
        ([2.0, -1.0, 0.0], "holds numbers outside 0 to 1"), ([0.5, 0.2, 0.1], "does not sum to 1"),
        ([0.5, np.nan, 0.5], "holds NaN or infinity"), ([np.inf, 0.0, 0.0], "holds NaN or infinity"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_rows_that_are_no_probabilities(
    tmp_path: Path, store: RunStore, row: list[float], said: str, kind: str
) -> None:
    probs = PROBS.copy()
    probs[2] = row
    path = tmp_path / f"x.{kind}"
    if kind == "csv":
        table(probs).to_csv(path, index=False)
    else:
        np.save(path, probs)
    assert f"row {4 if kind == 'csv' else 2} {said}" in refused(path, store).message


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_probabilities_that_are_stored_column_by_column(tmp_path: Path, store: RunStore, kind: str) -> None:
    path, by_columns = tmp_path / f"x.{kind}", np.asfortranarray(PROBS)
    np.save(path, by_columns) if kind == "npy" else np.savez(path, pred_probs=by_columns)
    run = store.folder(import_file(path, store).manifest.run_id).load()
    assert np.array_equal(np.stack(list(run.table["pred_probs"])), PROBS)


@pytest.mark.parametrize(
    ("row", "fix"), [([0.33, 0.33, 0.33], "more decimals"), ([0.6, 0.6, 0.3], "exclude each other")]
)
def test_a_sum_that_is_not_1_is_shown(tmp_path: Path, store: RunStore, row: list[float], fix: str) -> None:
    np.save(tmp_path / "x.npy", np.array([[0.5, 0.25, 0.25], row]))
    error = refused(tmp_path / "x.npy", store)
    assert f"row 1 does not sum to 1, but to {sum(row):.4g} (" in error.message and fix in error.fix


def test_rounded_probabilities_are_accepted(tmp_path: Path, store: RunStore) -> None:
    np.save(tmp_path / "x.npy", np.array([[0.333, 0.333, 0.334], [1.0, 0, 0]], np.float16))
    assert import_file(tmp_path / "x.npy", store).n_failed == 0


def test_probabilities_that_rounding_took_out_of_bounds_are_clipped(tmp_path: Path, store: RunStore) -> None:
    """Other rows are stored as they are, to the last bit."""
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(3), 60).round(4)  # most of them do not sum to 1 exactly
    probs[0], probs[1], probs[2] = [1.0005, 0, 0], [-0.0005, 1.0, 0], [0.6, 0.4003, -0.0003]
    probs[3] = [1.0000001, 2e-9, 0]  # as softmax in float32 may give
    true = rng.integers(0, 3, 60)
    np.savez(tmp_path / "x.npz", pred_probs=probs, labels=true)
    run = store.folder(import_file(tmp_path / "x.npz", store).manifest.run_id).load()
    stored = np.stack(list(run.table["pred_probs"]))
    assert stored[:2].tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert stored[2] == pytest.approx([0.6 / 1.0003, 0.4003 / 1.0003, 0]) and stored[2].sum() == pytest.approx(1)
    assert stored[3].tolist() == [1.0, 2e-9, 0.0] and (stored[4:] == probs[4:]).all()
    assert run.table["confidence"][0] == 1.0
    label_issues(run)  # cleanlab raises for numbers outside [0, 1]


def test_files_that_cannot_be_used(tmp_path: Path, store: RunStore) -> None:
    assert refused(tmp_path / "none.csv", store).code == "not_found"
    contents = {
        "a.csv": "file,label\n1,cat\n", "b.csv": "", "c.csv": "p_cat,p_dog\n0.5,x\n", "d.csv": "p_cat,p_cat\n1,0\n",
        "j.csv": "p_cat,p_dog\n", "e.parquet": "PAR1", "f.npy": "x", "g.npz": "x", "h.txt": "x", "i.csv": "p_cat,p_dog\n0.5,0.5,1,2\n1\n",
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        assert name in refused(tmp_path / name, store).message
    np.save(tmp_path / "cube.npy", PROBS[:, :, None])
    assert "(N, classes) are needed" in refused(tmp_path / "cube.npy", store).message
    np.savez(tmp_path / "keys.npz", foo=PROBS[:, 0] * 9, bar=LABELS)
    assert "it has foo (" in refused(tmp_path / "keys.npz", store).message


@pytest.mark.parametrize(
    "text",
    [
        "0.25,0.75\n0.5,0.5\n",
        "0.5,0.5\n0.25,0.75\n",
        "0,5;0,5\n0,25;0,75\n",
        "1e-1 9e-1\n0.5 0.5\n",
        "0.25,0.75,\n1,0,\n",
    ],
    ids=["points", "twice the same", "commas", "spaces", "separator at the end"],
)
def test_numbers_without_a_header_line(tmp_path: Path, store: RunStore, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    for names in (None, tuple(text.splitlines()[0].split(","))):
        error = refused(tmp_path / "x.csv", store, class_names=names)
        assert "x.csv has no header line" in error.message and "--class-names" not in error.fix
        assert "header='p_0,p_1'" in error.fix


@pytest.mark.parametrize(
    "above, row, title",
    [
        ("Results of 12 May\n", 2, "Results of 12 May"), ("Results,,,\n,,,\n", 3, "Results"),
        ("Results,model 3,,\n", 2, "Results, model 3"), ("sep=,\nResults\n\n", 4, "Results"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("columns", ["file,label,p_cat,p_dog", "Datei,Klasse,cat,dog", "p_cat,p_dog,p_cow,p_pig"])
def test_rows_above_the_header_are_told(
    tmp_path: Path, store: RunStore, above: str, row: int, title: str, columns: str
) -> None:
    rows = "0.1,0.2,0.3,0.4\n" if columns.startswith("p_") else "a.png,cat,0.9,0.1\nb.png,dog,0.2,0.8\n"
    (tmp_path / "x.csv").write_text(f"{above}{columns}\n{rows}")
    error = refused(tmp_path / "x.csv", store)
    assert error.message == f"x.csv cannot be read: its header seems to be in row {row}, below other rows ({title})."
    assert error.fix.startswith(f"Delete the rows above row {row}")
    (tmp_path / "x.csv").write_text(f"{columns}\n{rows}")
    import_predictions(ImportRequest(tmp_path / "x.csv"), store)


@pytest.mark.parametrize("probs", [PROBS, np.tile(PROBS / 5, 5)])
def test_the_advice_on_a_file_without_a_header_line_works_when_followed(
    tmp_path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch, probs: np.ndarray
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savetxt("x.csv", probs, delimiter=",")
    code = refused(tmp_path / "x.csv", store).fix
    exec(code[code.index("np.savetxt") :].removesuffix("."), {"np": np, "probs": probs})
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.n_evaluated == len(probs) and imported.manifest.class_names == tuple(map(str, range(len(probs[0]))))
    np.savetxt("one.csv", probs[:, 0])
    code = refused(tmp_path / "one.csv", RunStore(tmp_path / "other")).fix
    exec(code[code.index("np.savetxt") :].removesuffix("."), {"np": np, "probs": probs[:, 0]})
    assert import_file(tmp_path / "one.csv", store, ("no", "yes")).n_evaluated == len(probs)


def test_labels_behind_numbers_without_a_header_line_are_no_probability(tmp_path: Path, store: RunStore) -> None:
    np.savetxt(tmp_path / "x.csv", np.column_stack([PROBS, [0, 1, 2, 0]]), "%.3f,%.3f,%.3f,%d")
    assert "header='p_0,p_1,p_2'" in refused(tmp_path / "x.csv", store).fix


@pytest.mark.parametrize(
    "row", ["1.png,cat,0.75,0.25", "1.png,0.75,0.25", "1.png;cat;0,75;0,25", "cat,7.5e-01,2.5e-01"]
)
def test_files_and_probabilities_without_a_header_line(tmp_path: Path, store: RunStore, row: str) -> None:
    (tmp_path / "x.csv").write_text(f"{row}\n" * 3)
    error = refused(tmp_path / "x.csv", store)
    assert "x.csv has no header line" in error.message
    assert error.fix == (
        "Name the columns in a new first line: file, label for true labels, and p_CLASS for the probabilities of a class."
    )


def test_classes_that_are_called_by_numbers_are_a_header_line(tmp_path: Path, store: RunStore) -> None:
    pd.DataFrame(PROBS).to_csv(tmp_path / "x.csv", index=False)
    assert import_file(tmp_path / "x.csv", store, ("0", "1", "2")).n_evaluated == len(PROBS)


def test_an_export_in_which_every_row_failed(tmp_path: Path, store: RunStore) -> None:
    table().to_csv(tmp_path / "x.csv", index=False)
    rows = import_file(tmp_path / "x.csv", store)
    store.folder(rows.manifest.run_id).load().files.pack(tmp_path / "again.parquet")
    exported = pq.read_table(tmp_path / "again.parquet")
    none = pa.array([None] * len(exported), exported.schema.field("pred_probs").type)
    at = exported.schema.get_field_index("pred_probs")
    pq.write_table(exported.set_column(at, "pred_probs", none), tmp_path / "failed.parquet")
    assert (
        "no probabilities of two or more classes"
        in refused(tmp_path / "failed.parquet", RunStore(tmp_path / "other")).message
    )


def test_labels_on_one_line_and_names_that_cannot_be_stored(tmp_path: Path, store: RunStore) -> None:
    np.save(tmp_path / "p.npy", PROBS)
    (tmp_path / "y.csv").write_text(",".join(["1"] * 100_000) + '"' + "1" * 200_000)
    with pytest.raises(DatasetError, match=r"y\.csv"):
        import_file(tmp_path / "p.npy", store, labels=tmp_path / "y.csv")
    with pytest.raises(DatasetError, match="is not valid UTF-8"):
        import_file(tmp_path / os.fsdecode(b"p\xe9.npy"), store)
    assert not store.list()


def test_a_cell_that_is_no_number_is_named(tmp_path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions_file, "PIECE_ROWS", 2)
    (tmp_path / "x.csv").write_text("\np_cat,p_dog\n1,0\n,\nnan,NaN\n0.5,0,5\n".replace("0,5", '"0,5"'))
    assert "row 6 has '0,5' in the column p_dog, which is not a number" in refused(tmp_path / "x.csv", store).message


@pytest.mark.parametrize("before", ["", "sep=,\n"], ids=["nothing", "sep"])
def test_rows_of_a_csv_are_counted_as_in_a_spreadsheet(tmp_path: Path, store: RunStore, before: str) -> None:
    path = tmp_path / "x.csv"
    for rows, said in (
        ("7,8,a\n", "row 2 holds numbers outside 0 to 1"),
        ('1,0,"a\nb"\n\n0,1,b\n7,8,c\n', "row 5 holds numbers outside 0 to 1"),
        ("1,0,a\n\n0,x,b\n", "row 4 has 'x' in the column p_dog"),
        ("1,0,a\n\n0,1,b,c\n", "row 4 has 4 cells"),
        ("\n,,\n1,0,a\n0,1,b,c\n", "row 5 has 4 cells"),
        ("1,0,a\n,,\n7,8,c\n,,\n", "row 4 holds numbers outside 0 to 1"),
    ):
        path.write_text(before + "p_cat,p_dog,camera\n" + rows)
        assert said in refused(path, store).message


@pytest.mark.parametrize("at", [1, 3, 4, 5])
def test_empty_rows_of_a_spreadsheet_are_no_predictions(
    tmp_path: Path, store: RunStore, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions_file, "PIECE_ROWS", 2)
    lines = table().assign(camera=["a", "b", "c", "d"]).to_csv(index=False).splitlines()
    lines[at:at] = [",,,,,", " , ,,,,", ",,,,,"]
    (tmp_path / "x.csv").write_text("\n".join([*lines, ",,,,,"]) + "\n")
    imported = import_file(tmp_path / "x.csv", store)
    check(imported, store)
    assert not any("repeat" in note for note in imported.manifest.notes)
    run = store.folder(imported.manifest.run_id).load()
    assert run.manifest.n_images == 4 and run.table["file"].tolist() == [f"{i}.png" for i in range(4)]
    assert run.further_columns(np.arange(4))["camera"].to_pylist() == ["a", "b", "c", "d"]


def test_empty_rows_of_predicted_classes_are_no_rows(tmp_path: Path, store: RunStore) -> None:
    (tmp_path / "x.csv").write_text("file;label;prediction\r\na.png;cat;cat\r\n;;\r\nb.png;dog;cat\r\n;;\r\n;;\r\n")
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.evaluation is not None and imported.evaluation.accuracy.n == 2
    assert imported.manifest.n_images == 2


def test_a_row_without_probabilities_keeps_its_place_where_labels_go_row_by_row(
    tmp_path: Path, store: RunStore
) -> None:
    (tmp_path / "p.csv").write_text("p_cat,p_dog\n1,0\n,\n0,1\n,\n,\n")
    (tmp_path / "y.csv").write_text("label\ncat\ncat\ndog\n")
    imported = import_file(tmp_path / "p.csv", store, labels=tmp_path / "y.csv")
    run = store.folder(imported.manifest.run_id).load()
    assert run.table["true_label"].tolist() == ["cat", "cat", "dog"]
    assert run.table["predicted_label"].astype(object).fillna("").tolist() == ["cat", "", "dog"]


def test_lines_that_end_with_a_separator_and_lines_that_are_too_long(tmp_path: Path, store: RunStore) -> None:
    lines = table().to_csv(index=False).splitlines()
    (tmp_path / "x.csv").write_text("\n".join([lines[0], *(f"{line}," for line in lines[1:])]))
    check(import_file(tmp_path / "x.csv", store), store)
    store.delete(store.list()[0].run_id)
    (tmp_path / "y.csv").write_text("\n".join([*lines[:3], f"{lines[3]},0.5", lines[4]]))
    assert "row 4 has 6 cells, but there are 5 columns" in refused(tmp_path / "y.csv", store).message
    (tmp_path / "z.csv").write_bytes("\n".join(lines).replace("0.png", "ä.png").encode("latin-1"))
    assert "z.csv is not UTF-8 text" in refused(tmp_path / "z.csv", store).message


def test_labels_that_are_for_other_rows(tmp_path: Path, store: RunStore) -> None:
    np.save(tmp_path / "p.npy", PROBS)
    for count in (3, 5):
        names = pd.DataFrame({"file": [f"{i}.png" for i in range(count)], "label": ["0"] * count})
        names.to_csv(tmp_path / "labels.csv", index=False)
        error = refused(tmp_path / "p.npy", store, labels=tmp_path / "labels.csv")
        assert f"{count} labels for 4 predictions" in error.message
    table().drop(columns="label").to_csv(tmp_path / "x.csv", index=False)
    pd.DataFrame({"file": [f"images/x{i}.png" for i in range(4)], "label": LABELS}).to_csv(
        tmp_path / "labels.csv", index=False
    )
    error = refused(tmp_path / "x.csv", store, labels=tmp_path / "labels.csv")
    assert "names no file of the predictions" in error.message and "'images/x0.png'" in error.message


def test_tables_that_pandas_or_arrow_write(tmp_path: Path, store: RunStore) -> None:
    ids = table().assign(label=pd.array([0, 1, 1, None], "Int64"), predictions=["cat", "dog", "frog", "cat"])
    ids["file"] = ["0.png", None, "2.png", "3.png"]
    ids.to_parquet(tmp_path / "x.parquet")
    found = import_file(tmp_path / "x.parquet", store)
    assert found.evaluation is not None and found.evaluation.accuracy.n == 3
    assert store.folder(found.manifest.run_id).load().table["file"].tolist()[:2] == ["0.png", ""]
    store.delete(found.manifest.run_id)
    (tmp_path / "cut.csv").write_text('file,p_cat,p_dog\n"a.png,0.5,0.5\n')
    assert refused(tmp_path / "cut.csv", store).code == "predictions"
    (tmp_path / "long.csv").write_text('file,p_cat,p_dog\n"' + "x" * 140_000 + "\n")
    assert refused(tmp_path / "long.csv", store).code == "predictions"


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", PROBS)
    (tmp_path / "runs").write_text("a file in the way")
    with pytest.raises(DatasetError, match="cannot be written") as caught:
        import_file(tmp_path / "p.npy", RunStore(tmp_path / "runs"))
    assert caught.value.code == "storage"


def test_class_names_and_labels_that_do_not_fit(tmp_path: Path, store: RunStore) -> None:
    np.save(tmp_path / "x.npy", PROBS)
    assert "2 class names were given" in refused(tmp_path / "x.npy", store, class_names=("a", "b")).message
    np.save(tmp_path / "y.npy", np.array([0, 1]))
    assert "2 labels for 4 images" in refused(tmp_path / "x.npy", store, labels=tmp_path / "y.npy").message
    np.save(tmp_path / "z.npy", np.array(["ant"] * 4))
    assert "None of the labels (ant)" in refused(tmp_path / "x.npy", store, labels=tmp_path / "z.npy").message
    table().to_csv(tmp_path / "x.csv", index=False)
    assert "other class names: cat" in refused(tmp_path / "x.csv", store, class_names=("cat", "dog", "c")).message
    assert "other class names: cat" in refused(tmp_path / "x.csv", store, class_names=("Dog", "Cat", "Frog")).message


@pytest.mark.parametrize("old", [True, False], ids=["old labels", "new labels"])
def test_classes_of_a_table_can_be_renamed(tmp_path: Path, store: RunStore, old: bool) -> None:
    columns = {f"p_{name}": f"p_c{i}" for i, name in enumerate(("cat", "dog", "frog"))}
    rows = table().rename(columns=columns)
    if old:
        rows = rows.replace({"label": {"cat": "c0", "dog": "c1", "frog": "c2"}})
    rows.to_csv(tmp_path / "x.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store, class_names=("cat", "dog", "frog"))
    check(imported, store)
    assert imported.manifest.notes[0] == "The classes of x.csv are renamed in order: c0 is cat, c1 is dog, c2 is frog."


@pytest.mark.parametrize("prefix", ["prob_", "p_class", "p_1st_"])
def test_numbered_classes_are_renamed_in_the_order_of_their_numbers(
    tmp_path: Path, store: RunStore, prefix: str
) -> None:
    names = [f"n{i:02}" for i in range(11)]
    columns = {f"{prefix}{i}": np.eye(11)[:, i] for i in sorted(range(11), key=str)}  # 0, 1, 10, 2 ...
    pd.DataFrame({"label": names, **columns}).to_csv(tmp_path / "x.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store, names)
    assert imported.evaluation and imported.evaluation.accuracy.value == 1
    assert imported.manifest.class_names == tuple(names)


def test_the_advice_on_labels_beside_numbered_classes_works_when_followed(tmp_path: Path, store: RunStore) -> None:
    rows = table().rename(columns={f"p_{name}": f"prob_{i}" for i, name in enumerate(NAMES)})
    rows.to_csv(tmp_path / "x.csv")
    assert "in the order of their numbers: `--class-names A,B,C`" in refused(tmp_path / "x.csv", store).fix
    check(import_file(tmp_path / "x.csv", store, NAMES), store)
    rows.assign(label=[*NAMES, "cat"]).to_csv(tmp_path / "y.csv")
    with pytest.raises(DatasetError) as caught:
        import_file(tmp_path / "y.csv", store)
    [command] = [text for text in caught.value.fix.split("`") if text.startswith("--class-names")]
    imported = import_file(tmp_path / "y.csv", store, shlex.split(command)[1].split(","))
    assert imported.manifest.class_names == NAMES and imported.evaluation


def test_names_that_mean_the_same_classes_in_another_order_are_no_new_names(tmp_path: Path, store: RunStore) -> None:
    rows = pd.DataFrame({"file": ["1", "2"], "p_hot dog": [0.9, 0.2], "p_ice cream": [0.1, 0.8]})
    rows.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(DatasetError, match="has other class names: hot dog, ice cream"):
        import_file(tmp_path / "x.csv", store, class_names=("ice_cream", "hot_dog"))


@pytest.mark.parametrize(("labels", "advice"), [([0, 3], ""), ([3, 1, 4], "")])
def test_the_advice_on_numbered_classes_names_a_start_that_is_possible(
    tmp_path: Path, store: RunStore, labels: list[int], advice: str
) -> None:
    probs = np.eye(3)[np.arange(len(labels)) % 3]
    columns = {f"p_{i}": probs[:, i] for i in range(3)}
    pd.DataFrame({"file": list(map(str, range(len(labels)))), "label": labels, **columns}).to_csv(tmp_path / "x.csv")
    with pytest.raises(DatasetError) as caught:
        import_file(tmp_path / "x.csv", store)
    assert caught.value.fix.endswith(advice) and ("labels-from" in caught.value.fix) == bool(advice)
    assert "to keep its rows without comparing them" in caught.value.fix


@pytest.mark.parametrize("labels", [[1, 2, 3], [1, 2, 3, -1]])
def test_class_ids_that_are_exactly_1_to_k_count_from_1(tmp_path: Path, store: RunStore, labels: list[int]) -> None:
    probs = np.eye(3)[np.arange(len(labels)) % 3]
    columns = {f"p_{i}": probs[:, i] for i in range(3)}
    pd.DataFrame({"file": list(map(str, range(len(labels)))), "label": labels, **columns}).to_csv(tmp_path / "x.csv")
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.evaluation and imported.evaluation.accuracy.value == 1 and imported.evaluation.accuracy.n == 3
    assert "counted from 1, since they are exactly 1 to 3" in " ".join(imported.manifest.notes)


def test_the_reference_predictions_have_their_accuracy(shared_dir: Path, store: RunStore) -> None:
    folder = shared_dir / "oracles"
    imported = import_file(folder / "cifar10_test_pred_probs.npy", store, labels=folder / "cifar10_test_labels.npy")
    assert imported.evaluation is not None and imported.evaluation.accuracy.value == 0.9294
    assert imported.evaluation.accuracy.n == 10_000


def test_what_the_dashboard_exports_can_be_imported(tmp_path: Path, store: RunStore) -> None:
    table().to_csv(tmp_path / "x.csv", index=False)
    first = import_file(tmp_path / "x.csv", store)
    (tmp_path / "again.csv").write_bytes(csv_bytes(store.folder(first.manifest.run_id).load()))
    check(import_file(tmp_path / "again.csv", store), store)


def test_the_exported_parquet_brings_its_class_names(tmp_path: Path, store: RunStore) -> None:
    table().to_csv(tmp_path / "x.csv", index=False)
    first = import_file(tmp_path / "x.csv", store)
    store.folder(first.manifest.run_id).load().files.pack(tmp_path / "again.parquet")
    again = import_file(tmp_path / "again.parquet", store)
    assert again.manifest.class_names == NAMES
    assert store.folder(again.manifest.run_id).load().further_names == ()
    check(again, store)


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, store: RunStore) -> None:
    n = 200_000
    np.savez(tmp_path / "x.npz", pred_probs=np.full((n, 10), 0.1, np.float32), labels=np.arange(n) % 10)
    before = psutil.Process().memory_info().rss
    imported = import_file(tmp_path / "x.npz", store)
    assert imported.evaluation is not None and imported.evaluation.accuracy.value == 0.1
    assert psutil.Process().memory_info().rss - before < 250 * 2**20


def test_the_run_knows_what_it_was_made_of(tmp_path: Path, store: RunStore) -> None:
    np.savez(tmp_path / "x.npz", pred_probs=np.eye(3)[[0, 1]])
    np.save(tmp_path / "y.npy", np.array([1, 2]))
    request = ImportRequest(tmp_path / "x.npz", ("a", "b", "c"), tmp_path / "y.npy", first_id=1)
    command, note = import_again(import_predictions(request, store).manifest)
    assert not note and shlex.split(command)[3:] == [
        "import", str(tmp_path / "x.npz"), "--labels", str(tmp_path / "y.npy"), "--class-names", "a,b,c", "--name", "x",
        "--map", "1=a", "--map", "2=b",
    ]  # fmt: skip


def test_class_ids_that_may_count_from_one_are_asked_about(tmp_path: Path, store: RunStore) -> None:
    np.savez(tmp_path / "x.npz", pred_probs=np.eye(3)[[0, 1]], labels=[1, 2])
    request = ImportRequest(tmp_path / "x.npz", ("a", "b", "c"))
    with pytest.raises(UndecidedError, match="numbers from 1 to 2 without 0") as asked:
        import_predictions(request, store)
    assert "--labels-from 1  1 is a, 2 is b" in asked.value.fix and store.list() == []
    imported = import_predictions(replace(request, first_id=1), store)
    assert imported.evaluation and imported.evaluation.accuracy.value == 1
    assert "counted from 1, as chosen" in " ".join(imported.manifest.notes)


EUROPEAN = "file;label;p_cat;p_dog;p_frog;camera\n" + "".join(
    f"{i}.png;{label};{';'.join(f'{p:g}'.replace('.', ',') for p in row)};a, b\n"
    for i, (label, row) in enumerate(zip(LABELS, PROBS, strict=True))
)


@pytest.mark.parametrize(
    "data",
    [
        EUROPEAN.encode(),
        b"\xef\xbb\xbf" + EUROPEAN.encode(),
        ("sep=;\r\n" + EUROPEAN.replace("\n", "\r\n")).encode("utf-8-sig"),
        ("sep=;\n" + EUROPEAN).encode("utf-16"),
        EUROPEAN.replace(";", "\t").encode("utf-16"),
        EUROPEAN.encode("utf-16-le"),
        ("sep=|\n" + EUROPEAN.replace(";", "|")).encode(),
    ],
    ids=["commas", "mark", "sep", "sep in UTF-16", "Unicode Text", "UTF-16 without mark", "sep=|"],
)
def test_csv_files_as_spreadsheets_write_them(tmp_path: Path, store: RunStore, data: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    imported = import_file(path, store)
    check(imported, store)
    assert store.folder(imported.manifest.run_id).load().further_names == ("camera",)


def test_points_and_commas_in_one_file_are_refused(tmp_path: Path, store: RunStore) -> None:
    path = tmp_path / "x.csv"
    path.write_text(EUROPEAN.replace("0,8", "0.8"))
    error = refused(path, store)
    assert "row 3 has '0.8' in the column p_dog" in error.message and "all with a point" in error.fix


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_of_predictions_that_contradicts_the_probabilities_is_told(
    tmp_path: Path, store: RunStore, kind: str
) -> None:
    path = tmp_path / f"x.{kind}"

    def notes(predicted: list[Any]) -> str:
        frame = table().assign(predicted_label=predicted)
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
        return " ".join(import_file(path, store).manifest.notes)

    assert "In 2 rows, x" in notes(["dog", " dog ", "cat", None])
    assert "In 1 row, x" in notes(["", "dog", "frog", "dog"])
    assert "highest probability" not in notes(["cat", "dog", "frog", "cat"]) + notes(["0", "7", "hound", None])


@pytest.mark.parametrize(
    "labels, predicted, n",
    [
        (["1", "0", "0", "1"], ["1", "0", "0", "0"], 1),
        (None, ["1", "0", "0", "0"], 1),
        (["yes", "no", "no", "yes"], ["1", "0", "0", "0"], 1),
        (["2", "1", "1", "2"], ["2", "1", "1", "1"], 1),  # counted from 1
        (None, ["2", "1", "1", "1"], 0),  # perhaps from 1
        (["1", "0", "0", "1"], ["1", "0", "0", "1"], 0),
    ],
)
def test_class_ids_that_contradict_the_one_probability_per_row_are_told(
    tmp_path: Path, store: RunStore, labels: list[str] | None, predicted: list[str], n: int
) -> None:
    frame = pd.DataFrame({"prediction": predicted, "probability": [0.9, 0.2, 0.3, 0.8]})
    (frame if labels is None else frame.assign(label=labels)).to_csv(tmp_path / "x.csv", index=False)
    notes = " ".join(import_file(tmp_path / "x.csv", store, ["no", "yes"]).manifest.notes)
    assert ("In 1 row, x.csv says that another class is predicted" in notes) == bool(n)
    assert ("call their column confidence" in notes) == bool(n)
    frame.assign(label=["yes", "no", "no", "no"], prediction=["yes", "no", "no", "no"]).rename(
        columns={"probability": "confidence"}
    ).to_csv(tmp_path / "x.csv", index=False)
    evaluation = import_file(tmp_path / "x.csv", store).evaluation
    assert evaluation is not None and evaluation.accuracy.value == 1


def test_a_table_of_labels_for_predictions_without_files_is_told_to_go_by_its_order(
    tmp_path: Path, store: RunStore
) -> None:
    np.save(tmp_path / "x.npy", PROBS)
    (tmp_path / "y.csv").write_text("file,label\n" + "".join(f"{9 - i}.png,{each}\n" for i, each in enumerate(LABELS)))
    told = " ".join(import_file(tmp_path / "x.npy", store, NAMES, tmp_path / "y.csv").manifest.notes)
    assert "The predictions name no files" in told and "the first is for 9.png" in told
    table().to_csv(tmp_path / "x.csv", index=False)
    (tmp_path / "y.csv").write_text((tmp_path / "y.csv").read_text().replace("9", "0"))
    assert "name no files" not in " ".join(
        import_file(tmp_path / "x.csv", store, None, tmp_path / "y.csv").manifest.notes
    )


@pytest.mark.parametrize(
    "label, why", [("c\0at", "holds the character NUL"), ('"[""cat"", ""dog""]"', "several labels")]
)
def test_labels_without_files_that_are_none_are_refused(tmp_path: Path, store: RunStore, label: str, why: str) -> None:
    np.save(tmp_path / "x.npy", PROBS)
    (tmp_path / "y.csv").write_text("label\ncat\ndog\nfrog\n" + label)
    error = refused(tmp_path / "x.npy", store, class_names=NAMES, labels=tmp_path / "y.csv")
    assert "y.csv cannot be used as a labels file" in error.message and why in error.message


def test_a_column_of_labels_that_may_hold_predictions_is_pointed_out(tmp_path: Path, store: RunStore) -> None:
    probs = np.tile(PROBS, (6, 1))
    right = [NAMES[i] for i in probs.argmax(axis=1)]
    said = "the label in x.csv is the class of the highest probability"
    for labels, doubtful in ((right, True), ([*right[:-1], "frog"], False)):
        columns = {f"p_{name}": probs[:, i] for i, name in enumerate(NAMES)}
        pd.DataFrame({"label": labels, **columns}).to_csv(tmp_path / "x.csv", index=False)
        notes = import_file(tmp_path / "x.csv", store).manifest.notes
        assert any(said in note for note in notes) == doubtful


def test_predicted_classes_without_probabilities(tmp_path: Path, store: RunStore) -> None:
    rows = [("Cat", "cat")] * 60 + [("dog", "DOG")] * 30 + [("dog", "cat")] * 20 + [("cat", "")]
    (tmp_path / "x.csv").write_text("true,pred\n" + "".join(f"{true},{pred}\n" for true, pred in rows))
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.evaluation and imported.evaluation.accuracy.value == pytest.approx(90 / 110)
    assert (imported.n_evaluated, imported.n_failed, imported.manifest.class_names) == (110, 1, ("cat", "dog"))
    assert "x.csv has no probabilities, only predicted classes." in imported.manifest.notes[0]
    about = {finding.id for finding in find_in(store.folder(imported.manifest.run_id))}
    assert not about & {"overconfident", "miscalibrated", "label_errors", "mislabelled_class", "confident_mistakes"}
    (tmp_path / "ids.csv").write_text("y_true,y_pred\n1,1\n2,1\n2,2\n")
    assert import_file(tmp_path / "ids.csv", store).manifest.class_names == ("0", "1", "2")


def test_further_columns_of_predictions_with_decimal_commas_are_numbers(tmp_path: Path, store: RunStore) -> None:
    (tmp_path / "x.csv").write_text("Klasse;Vorhersage;Gewicht\ncat;cat;0,5\ndog;cat;30,25\n")
    (tmp_path / "y.csv").write_text("label;dose\ncat;0,5\ndog;1,5\n")
    np.save(tmp_path / "x.npy", PROBS[:2])
    for labels, source, column, wanted in (
        (None, "x.csv", "Gewicht", [0.5, 30.25]),
        (tmp_path / "y.csv", "x.npy", "dose", [0.5, 1.5]),
    ):
        names = None if labels is None else NAMES
        run = import_file(tmp_path / source, store, names, labels).manifest.run_id
        assert store.folder(run).load().further_columns(np.arange(2))[column].to_pylist() == wanted


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_predicted_classes_in_arrays_are_made_a_table(
    tmp_path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch, kind: str, shape: tuple[int, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    true, predicted = np.array([0, 1, 2, 2]).reshape(shape), np.array([0, 1, 2, 1]).reshape(shape)
    np.save("y.npy", true)
    np.save("x.npy", predicted)
    np.savez("x.npz", y_true=true, y_pred=predicted, ids=np.arange(3))
    labels = Path("y.npy") if kind == "npy" else None
    error = refused(Path(f"x.{kind}"), store, labels=labels)
    assert "holds predicted classes, and no probabilities" in error.message
    variables: dict[str, Any] = {}
    exec(error.fix.split("`")[1], variables)
    if kind == "npz":
        variables["data"].close()
    imported = import_file(Path("x-new.csv"), store, labels=labels)
    assert imported.evaluation and imported.evaluation.accuracy.value == 0.75


def test_minus_1_and_1_are_the_names_of_two_classes(tmp_path: Path, store: RunStore) -> None:
    (tmp_path / "x.csv").write_text("y_true,y_pred\n-1,-1\n1,1\n1,-1\n1.0,1.0\n")
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.evaluation and imported.evaluation.confusion.tolist() == [[1, 0], [1, 2]]
    assert imported.manifest.class_names == ("-1", "1") and len(imported.manifest.notes) == 1
    (tmp_path / "p.csv").write_text("prediction\n-1\n1\n")
    np.save(tmp_path / "y.npy", np.array([-1, 1]))
    imported = import_file(tmp_path / "p.csv", store, labels=tmp_path / "y.npy")
    assert imported.evaluation and imported.evaluation.accuracy.value == 1


def test_minus_1_beside_other_numbers_is_no_class(tmp_path: Path, store: RunStore) -> None:
    for rows in ("-1,0\n0,-1\n1,1\n", "-1,2\n2,-1\n"):
        (tmp_path / "x.csv").write_text(f"y_true,y_pred\n{rows}")
        assert "y_pred does not hold classes" in refused(tmp_path / "x.csv", store).message


@pytest.mark.parametrize("given", [None, ("cat", "dog", "frog")])
@pytest.mark.parametrize("column", ["{}", "score_{}", "{}_prob"])
def test_columns_that_are_called_like_the_true_labels_are_their_probabilities(
    tmp_path: Path, store: RunStore, column: str, given: Sequence[str] | None
) -> None:
    frame = table()
    frame.columns = ["file", "label", *map(column.format, NAMES)]
    if column != "{}":  # then no other column may seem to be one of a class that no label names
        frame = frame.assign(blur=[0.5, 0.25, 0.1, 0.9])
    frame.to_csv(tmp_path / "x.csv")
    imported = import_file(tmp_path / "x.csv", store, given)
    check(imported, store)
    told = not (given and column == "{}")
    assert imported.manifest.notes == (
        (f"The columns {listed([column.format(name) for name in NAMES])} are used as probabilities: they are called like "
         "the classes and sum to 1.",) if told else ()
    )  # fmt: skip


@pytest.mark.parametrize("given", [None, NAMES])
@pytest.mark.parametrize("column", ["{}", "true_{}"])
@pytest.mark.parametrize("labelled", [True, False])
def test_columns_that_mark_the_classes_by_0_and_1_are_not_the_probabilities_if_others_are(
    tmp_path: Path, store: RunStore, column: str, given: Sequence[str] | None, labelled: bool
) -> None:
    marks = {column.format(name): [int(name == label) for label in LABELS] for name in NAMES}
    frame = table().rename(columns={f"p_{name}": f"{name}_prob" for name in NAMES}).assign(**marks)
    frame = frame if labelled else frame.drop(columns="label")
    if column == "{}":
        frame = frame.assign(blur=[0.5, 0.25, 0.1, 0.9])
    frame.to_csv(tmp_path / "x.csv", index=False)
    if not labelled and given is None:
        example = "`--class-names cat_prob,dog_prob,frog_prob`"
        assert refused(tmp_path / "x.csv", store).fix.endswith(f"Or say which columns hold them: {example}.")
        imported = import_file(tmp_path / "x.csv", store, tuple(example.strip("`").split()[1].split(",")))
        assert imported.n_evaluated == 4 and not imported.manifest.notes
        return
    imported = import_file(tmp_path / "x.csv", store, given)
    if not labelled:
        assert "write the class of each row into a column label" in imported.manifest.notes[1]
        frame.assign(label=LABELS).to_csv(tmp_path / "x.csv", index=False)
        imported = import_file(tmp_path / "x.csv", store, given)
    check(imported, store)
    named = [*marks] if given else [column.format(name) for name in ("cat", "dog")]  # no label is frog
    assert imported.manifest.notes == (
        "The columns cat_prob, dog_prob, frog_prob are used as probabilities: they are called like the classes and sum to 1.",
        f"All numbers in {listed(named)} are 0 or 1, so they are not used as probabilities.",
    )


def test_percentages_beside_columns_that_mark_the_classes_by_0_and_1_are_told(tmp_path: Path, store: RunStore) -> None:
    percentages = np.array([[66.6, 22.3, 11.1], *100 * PROBS[1:]])
    frame = table(percentages).rename(columns={f"p_{name}": f"{name}_prob" for name in NAMES})
    marks = {name: [int(name == label) for label in LABELS] for name in NAMES}
    frame.assign(**marks).to_csv(tmp_path / "x.csv", index=False)
    [note] = [n for n in import_file(tmp_path / "x.csv", store, NAMES).manifest.notes if "not used" in n]
    assert note.startswith("The columns cat_prob, dog_prob, frog_prob look like probabilities, but are not used.")


@pytest.mark.parametrize("columns", [[f"{name}_prob" for name in NAMES], ["0", "1", "2"]])
def test_columns_called_like_the_classes_that_are_rounded_too_much_are_told_so(
    tmp_path: Path, store: RunStore, columns: list[str]
) -> None:
    frame = table(np.array([[0.33, 0.33, 0.33], *PROBS[1:]]))
    frame.columns = ["file", "label", *columns]
    frame.to_csv(tmp_path / "x.csv", index=False)
    assert refused(tmp_path / "x.csv", store, class_names=NAMES).fix.startswith("Save more decimals")


def test_columns_with_names_of_their_own_are_matched_as_the_advice_says(tmp_path: Path, store: RunStore) -> None:
    frame = table()
    frame.columns = ["file", "label", "out_0", "out_1", "out_2"]
    frame["label"] = ["cat", "dog", "frog", "cat"]
    frame.to_csv(tmp_path / "x.csv", index=False)
    columns = refused(tmp_path / "x.csv", store).fix.split("--class-names ")[1].split("`")[0].split(",")
    advice = refused(tmp_path / "x.csv", store, class_names=columns).fix
    assert "--map cat=COLUMN --map dog=COLUMN --map frog=COLUMN." in advice and "p_cat" in advice
    meant = {"cat": "out_0", "dog": "out_1", "frog": "out_2"}
    imported = import_file(tmp_path / "x.csv", store, columns, label_map=meant)
    rows = store.folder(imported.manifest.run_id).load().table
    assert rows["predicted_label"].tolist() == [meant[label] for label in frame["label"]] == rows["true_label"].tolist()


def test_numbered_columns_of_probabilities_get_their_names_as_the_advice_says(tmp_path: Path, store: RunStore) -> None:
    frame = table()
    frame.columns = ["file", "label", "0", "1", "2"]
    frame["label"] = ["cat", "dog", "frog", "cat"]
    frame[["2", "file", "0", "label", "1"]].to_csv(tmp_path / "x.csv", index=False)
    error = refused(tmp_path / "x.csv", store)
    assert "is one of the classes (0, 1, 2)" in error.message
    names = error.fix.split("--class-names ")[1].split("`")[0].split(",")
    imported = import_file(tmp_path / "x.csv", store, names)
    rows = store.folder(imported.manifest.run_id).load().table
    assert rows["predicted_label"].tolist() == rows["true_label"].tolist() == frame["label"].tolist()
    assert "The classes of x.csv are renamed in order: 0 is cat, 1 is dog, 2 is frog." in imported.manifest.notes


@pytest.mark.parametrize("column", ["{}", "p_{}"])
@pytest.mark.parametrize("names", [None, NAMES])
def test_class_ids_beside_numbered_columns_may_count_from_1(
    tmp_path: Path, store: RunStore, names: tuple[str, ...] | None, column: str
) -> None:
    frame = table()
    frame.columns = ["file", "label", *map(column.format, range(3))]
    frame.assign(label=[1, 2, 2, 1]).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(UndecidedError) as asked:
        import_file(tmp_path / "x.csv", store, names)
    assert [answer.value for answer in asked.value.question.answers] == ["0", "1"]
    imported = import_file(tmp_path / "x.csv", store, names, first_id=1)
    assert imported.evaluation and imported.evaluation.accuracy.value == 0.75
    frame.assign(label=[0, 1, 1, 0]).to_csv(tmp_path / "x.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store, names)
    assert imported.evaluation and imported.evaluation.accuracy.value == 0.75
    assert "As chosen" not in " ".join(imported.manifest.notes)


@pytest.mark.parametrize("prefix", ["", "p_"])
def test_class_ids_that_count_the_columns_in_another_order_are_told(
    tmp_path: Path, store: RunStore, prefix: str
) -> None:
    ids = np.random.default_rng(0).integers(0, 3, 60)
    probs = np.where(np.eye(3)[ids] == 1, 0.8, 0.1)
    columns = {f"{prefix}{NAMES[i]}": probs[:, i] for i in (2, 0, 1)}
    pd.DataFrame(columns).assign(label=ids).to_csv(tmp_path / "x.csv", index=False)
    if not prefix:
        fix = refused(tmp_path / "x.csv", store).fix
        assert fix.endswith("name these columns with --class-names, in the order of the class ids in label.")
    imported = import_file(tmp_path / "x.csv", store, None if prefix else ("frog", "cat", "dog"))
    assert "Warning: The order of the classes looks shifted by one" in " ".join(imported.manifest.notes)
    imported = import_file(tmp_path / "x.csv", store, NAMES)
    assert imported.evaluation and imported.evaluation.accuracy.value == 1
    assert "Warning" not in " ".join(imported.manifest.notes)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_nothing_but_probabilities_has_classes_of_any_name(
    tmp_path: Path, store: RunStore, suffix: str
) -> None:
    """Also of names that other tables have for the file, the label or the reason of a row."""
    names = ["file", "label", "reason"]
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    table, labels = tmp_path / f"x{suffix}", tmp_path / "y.csv"
    frame = pd.DataFrame(probs, columns=names)
    frame.to_csv(table, index=False) if suffix == ".csv" else frame.to_parquet(table)
    pd.DataFrame({"label": [names[i] for i in probs.argmax(axis=1)]}).to_csv(labels, index=False)
    imported = import_file(table, store, labels=labels)
    assert imported.manifest.class_names == tuple(names) and imported.evaluation
    assert imported.evaluation.accuracy.value == 1 and imported.evaluation.accuracy.n == 20
    assert "there are no others, and each row sums to 1" in imported.manifest.notes[0]
    found = recognise([table, labels], ["cat", "dog"])
    assert found and found.class_names == tuple(names) and not found.unsure


def test_many_numbered_columns_that_are_no_probabilities_are_refused_soon(tmp_path: Path, store: RunStore) -> None:
    pixels = np.random.default_rng(0).random((2, 3072)).round(3)
    pd.DataFrame(pixels).assign(label=["cat", "dog"]).to_csv(tmp_path / "x.csv", index=False)
    began = time.process_time()
    assert "does not say which columns are probabilities" in refused(tmp_path / "x.csv", store).message
    assert time.process_time() - began < 10


@pytest.mark.parametrize("labels", [["cat", "dog"], None])
def test_a_list_column_of_another_name_is_used_as_the_advice_says(
    tmp_path: Path, store: RunStore, labels: list[str] | None
) -> None:
    columns = {"file": ["a.png", "b.png"], "scores": [[0.75, 0.25], [0.5, 0.5]], "box": [{"x": 1}, {"x": 2}]}
    columns |= {"label": labels} if labels else {}
    pd.DataFrame(columns).to_parquet(tmp_path / "x.parquet")
    error = refused(tmp_path / "x.parquet", store)
    assert error.fix == "If each list in scores has the probabilities of all classes, call that column pred_probs."
    pd.DataFrame(columns).rename(columns={"scores": "pred_probs"}).to_parquet(tmp_path / "x.parquet")
    assert import_file(tmp_path / "x.parquet", store, ("cat", "dog")).n_evaluated == 2


@pytest.mark.parametrize("kind", ["csv", "decimal comma", "parquet"])
@pytest.mark.parametrize("column", ["{}", "score_{}", "{}_prob", "P({})"])
def test_columns_beside_predicted_classes_that_are_called_like_the_classes_are_their_probabilities(
    tmp_path: Path, store: RunStore, column: str, kind: str
) -> None:
    predicted = ["cat", "dog", "frog", "cat"]
    frame = table()
    frame.columns = ["file", "label", *map(column.format, NAMES)]
    frame = frame.assign(prediction=predicted, blur=[0.5, 0.25, 0.1, 0.9])
    path = tmp_path / ("x.parquet" if kind == "parquet" else "x.csv")
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "csv":
        frame.to_csv(path)  # with a column of row numbers without a name
    else:
        frame.to_csv(path, index=False, sep=";", decimal=",")
    imported = import_file(path, store)
    check(imported, store)
    assert imported.manifest.class_names == NAMES and store.folder(imported.manifest.run_id).load().has_probabilities
    assert "are used as probabilities" in imported.manifest.notes[0] and len(imported.manifest.notes) == 1


HEADERS = [
    "fichier;étiquette;prédiction;confiance", "Fichier;Classe;Classe prédite;Confiance",
    "archivo;etiqueta;predicción;confianza", "Datei;Klasse;Vorhersage;Konfidenz",
    "arquivo;rótulo;predição;confiança", "immagine;etichetta;predizione;confidenza",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_headers_of_predicted_classes_in_other_languages(tmp_path: Path, store: RunStore, header: str) -> None:
    rows = [f"{i}.png;{label};{NAMES[PROBS[i].argmax()]};0,{5 + i}" for i, label in enumerate(LABELS)]
    (tmp_path / "x.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.evaluation and (imported.evaluation.accuracy.value, imported.evaluation.accuracy.n) == (0.75, 4)
    confidence = header.rpartition(";")[2]
    assert any(f"The column {confidence} is not used as a probability" in note for note in imported.manifest.notes)


def test_the_true_labels_of_caret_are_called_obs(tmp_path: Path, store: RunStore) -> None:
    probs = {name: PROBS[:, i] for i, name in enumerate(NAMES)}
    predicted = [NAMES[i] for i in PROBS.argmax(axis=1)]
    pd.DataFrame({"pred": predicted, "obs": LABELS, **probs}).to_csv(tmp_path / "x.csv", index=False)
    check(import_file(tmp_path / "x.csv", store), store)
    pd.DataFrame({"prediction": predicted, "obs": LABELS}).to_csv(tmp_path / "x.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.evaluation is None and any("The column obs" in note for note in imported.manifest.notes)


@pytest.mark.parametrize("column", ["probability", "score", "prob"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_one_probability_beside_more_than_two_predicted_classes_is_a_confidence(
    tmp_path: Path, store: RunStore, column: str, kind: str
) -> None:
    def import_table(predicted: list[Any], labels: list[Any], names: Sequence[str] | None = None) -> Imported:
        columns = {"label": labels, "prediction": predicted, column: [0.7, 0.8, 0.4, 0.5]}
        getattr(pd.DataFrame(columns), f"to_{kind}")(tmp_path / f"x.{kind}", index=False)
        return import_file(tmp_path / f"x.{kind}", store, names)

    imported = import_table([NAMES[i] for i in PROBS.argmax(axis=1)], LABELS)
    assert imported.evaluation and imported.evaluation.accuracy.value == 0.75
    assert imported.manifest.notes[-1].startswith(f"The column {column} is not used as a probability")
    run = store.folder(imported.manifest.run_id).load()
    assert not run.has_probabilities and column in run.further_names
    for predicted, labels in (
        (["no", "no", "yes", "yes"], ["no", "yes"] * 2),
        ([0, 1, 1, 1], ["no", "yes"] * 2),
        ([0.5, 1.5, 2, 3], [0, 1] * 2),
    ):
        binary = import_table(predicted, labels, ("no", "yes"))
        assert store.folder(binary.manifest.run_id).load().has_probabilities


def test_a_class_that_does_not_occur_has_a_column_of_probabilities_too(tmp_path: Path, store: RunStore) -> None:
    path = tmp_path / "x.csv"
    probs = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    table(probs, prefix="s_").assign(pred=["cat", "dog"], label=["cat", "cat"]).to_csv(path, index=False)
    imported = import_file(path, store)
    assert imported.manifest.class_names == NAMES and imported.evaluation
    assert imported.evaluation.accuracy.value == 0.5


@pytest.mark.parametrize(
    "columns, doubtful",
    [
        ({name: PROBS[:, i] * 99.9 for i, name in enumerate(NAMES)}, True),  # rounded percentages
        ({name: np.where(np.arange(4) == 3, 0.5, PROBS[:, i]) for i, name in enumerate(NAMES)}, True),
        ({f"c{i}": PROBS[:, i] for i in range(3)}, True),  # other names
        ({name: np.eye(3, dtype=int)[[0, 1, 2, 0], i] for i, name in enumerate(NAMES)}, False),  # marks of the classes
        ({"blur": PROBS[:, 0], "noise": PROBS[:, 2]}, False),
        ({f"score_{i + 1}": -np.sort(-PROBS, axis=1)[:, i] for i in range(3)}, False),  # of the three likeliest classes
    ],
)
def test_columns_beside_predicted_classes_that_may_be_probabilities_are_told(
    tmp_path: Path, store: RunStore, columns: dict[str, Any], doubtful: bool
) -> None:
    predicted = {"label": LABELS, "pred": ["cat", "dog", "frog", "cat"]}
    pd.DataFrame({**predicted, **columns}).to_csv(tmp_path / "x.csv", index=False)
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.evaluation and imported.evaluation.accuracy.value == 0.75
    assert "x.csv has no probabilities" in imported.manifest.notes[0]
    told = [note for note in imported.manifest.notes if "look like probabilities, but are not used" in note]
    assert [f"The columns {', '.join(columns)} look" in note for note in told] == [True] * doubtful


@pytest.mark.parametrize("n", [2, 3])
def test_the_header_of_savetxt_is_read_although_it_is_a_comment(tmp_path: Path, store: RunStore, n: int) -> None:
    probs = np.full((4, n), 0.2 / (n - 1))
    probs[np.arange(4), [0, 1, 1, 0]] = 0.8
    header = ",".join(["label", *(f"p_{name}" for name in NAMES[:n])])
    np.savetxt(tmp_path / "x.csv", np.column_stack([[0, 1, 0, 0], probs]), delimiter=",", header=header)
    assert (tmp_path / "x.csv").read_text().startswith("# label,p_cat")
    imported = import_file(tmp_path / "x.csv", store)
    assert imported.manifest.class_names == NAMES[:n]
    assert imported.evaluation and imported.evaluation.accuracy.value == 0.75 and imported.evaluation.accuracy.n == 4


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_that_may_hold_true_labels_is_told(tmp_path: Path, store: RunStore, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    frame = table().rename(columns={"label": "species"}).assign(place=["cat", "wood", "dog", "cat"], same="cat")
    frame["species"] = frame["species"].str.title()
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    imported = import_file(path, store)
    told = "The column species of x.* holds names of the classes only. If these are the true labels, call it label"
    assert imported.evaluation is None and len([note for note in imported.manifest.notes if re.match(told, note)]) == 1
    assert not any("column place" in note or "column same" in note for note in imported.manifest.notes)
    table().drop(columns="label").assign(pred=LABELS).to_csv(tmp_path / "y.csv", index=False)
    assert not any(
        "names of the classes only" in note for note in import_file(tmp_path / "y.csv", store).manifest.notes
    )
    table().assign(second=LABELS).to_csv(tmp_path / "y.csv", index=False)
    assert not any(
        "names of the classes only" in note for note in import_file(tmp_path / "y.csv", store).manifest.notes
    )


def test_only_predicted_classes_have_no_figures_about_confidence(store: RunStore, tmp_path: Path) -> None:
    rows = ["cat,cat", "dog,dog", "cat,cat", "dog,dog", "dog,cat"] * 20
    (tmp_path / "x.csv").write_text("\n".join(["label,prediction", *rows]))
    imported = import_file(tmp_path / "x.csv", store)
    folder = store.folder(imported.manifest.run_id)
    for run in (folder.load(), folder.load(conditions=parse_filter(["true_label=dog"]))):
        evaluation = run.evaluation()
        assert not run.has_probabilities and evaluation and evaluation.reliability is None
        assert "accuracy" in run.scores and not {"ece15", "brier", "log_loss", "aurc"} & {*run.scores}
        assert label_issues(run).empty and run.answers.probabilities is None
    text = to_markdown(
        report_of(folder.load(), store, find_of(folder.load(), folder), doubtful=label_issues(folder.load()))
    )
    assert "80.0%" in text and "## Confidence" not in text and "may be wrong" not in text
    (tmp_path / "sure.csv").write_text("label,p_cat,p_dog\ncat,1,0\ndog,0,1\ncat,0.4,0.6\n")
    assert store.folder(import_file(tmp_path / "sure.csv", store).manifest.run_id).load().has_probabilities


def test_the_arrays_that_the_user_means(tmp_path: Path, store: RunStore) -> None:
    np.savez(tmp_path / "x.npz", a=PROBS, b=PROBS[:, ::-1], c=PROBS.argmax(axis=1))
    for probs, accuracy in (("a", 1.0), ("b", float((PROBS[:, ::-1].argmax(axis=1) == PROBS.argmax(axis=1)).mean()))):
        imported = import_file(tmp_path / "x.npz", store, reading=Reading(probs, "c"))
        assert imported.evaluation and imported.evaluation.accuracy.value == accuracy
        assert f"--arrays {probs},c" in import_again(imported.manifest)[0]


def test_a_folder_is_told_as_such(store: RunStore, tmp_path: Path) -> None:
    np.save(tmp_path / "pred_probs.npy", PROBS)
    for request in (
        ImportRequest(tmp_path, None, None, "", {}, None),
        ImportRequest(tmp_path / "pred_probs.npy", None, tmp_path, "", {}, None),
    ):
        with pytest.raises(DatasetError, match="is a folder"):
            import_predictions(request, store)
