"""Labels in a table that has a column in common with the predictions, but no known column of file names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.importing.predictions import Imported, ImportRequest, import_predictions
from dashboard.core.runs.store import RunStore

ORDER = [2, 0, 3, 1]  # of the rows of the labels
PREDICTED = ["cat", "dog", "dog", "cat"]
LABELS = ["cat", "dog", "cat", "dog"]


def import_tables(
    tmp_path: Path, own: dict[str, list[object]], beside: dict[str, list[object]], kind: str = "csv"
) -> tuple[Imported, pd.DataFrame]:
    """Imports four predictions with their labels in another order, and further columns of both."""
    probs = {f"p_{name}": [0.9 if name == each else 0.1 for each in PREDICTED] for name in ("cat", "dog")}
    pd.DataFrame({**own, **probs}).to_csv(tmp_path / "x.csv", index=False)
    labels = pd.DataFrame({**beside, "label": LABELS}).iloc[ORDER]
    if kind == "csv":
        labels.to_csv(tmp_path / "y.csv", index=False)
    elif kind == "parquet":
        labels.to_parquet(tmp_path / "y.parquet")
    else:
        labels.to_json(tmp_path / f"y.{kind}", orient="records", lines=kind == "jsonl")
    store = RunStore(tmp_path / "runs")
    imported = import_predictions(ImportRequest(tmp_path / "x.csv", labels=tmp_path / f"y.{kind}"), store)
    return imported, store.folder(imported.manifest.run_id).load().table


IDS: list[object] = ["P7", "P8", "P9", "P10"]


@pytest.mark.parametrize(
    "called, kind",
    [("patient", "csv"), ("Patient ", "csv"), ("patient", "json"), ("patient", "jsonl"), ("patient", "parquet")],
)
@pytest.mark.parametrize("own", [{"patient": IDS}, {"patient": [1, 2, 3, 4]}, {"patient": [1.0, 2.0, 3.0, 4.0]}])
def test_labels_go_by_a_column_that_names_each_row_of_both_tables(
    tmp_path: Path, own: dict[str, list[object]], called: str, kind: str
) -> None:
    more: dict[str, list[object]] = {"sex": ["f", "m", "f", "f"], "date": [1, 1, 1, 2]}
    imported, rows = import_tables(
        tmp_path, {**own, **more}, {called: own["patient"], **more, "date": [5, 5, 5, 5]}, kind
    )
    assert rows["true_label"].tolist() == LABELS and rows["predicted_label"].tolist() == PREDICTED
    assert rows["file"].tolist() == [str(each).removesuffix(".0") for each in own["patient"]]
    note = f"The column {called.strip()} names each row of the predictions and of y.{kind}, so labels go by it."
    assert note in imported.manifest.notes


def test_the_names_of_the_predictions_stay_and_the_labels_may_be_those_of_more_rows(tmp_path: Path) -> None:
    probs = {"p_cat": [0.9, 0.1], "p_dog": [0.1, 0.9]}
    pd.DataFrame({"file": ["a.png", "b.png"], "case": ["P9", "P8"], **probs}).to_csv(tmp_path / "x.csv", index=False)
    pd.DataFrame({"case": IDS, "label": LABELS}).to_csv(tmp_path / "y.csv", index=False)
    store = RunStore(tmp_path / "runs")
    imported = import_predictions(ImportRequest(tmp_path / "x.csv", labels=tmp_path / "y.csv"), store)
    run = store.folder(imported.manifest.run_id).load()
    assert run.table["true_label"].tolist() == ["cat", "dog"] and run.table["file"].tolist() == ["a.png", "b.png"]
    assert list(run.further_names) == ["case"]


@pytest.mark.parametrize(
    "own, beside, named",
    [
        ({"patient": IDS}, {"patient": ["A", "B", "C", "D"]}, "column patient"),
        ({"patient": IDS}, {"patient": ["P7", "P8", "P9", "P9"]}, "column patient"),
        ({"patient": ["P7", "P7", "P8", "P8"]}, {"patient": ["P7", "P7", "P8", "P8"]}, "column patient"),
        ({"patient": IDS, "row": [1, 2, 3, 4]}, {"patient": IDS, "row": [3, 4, 1, 2]}, "columns patient and row"),
        ({"row": [1, 2, 3, 4], "site": list("AABB")}, {"row": [1, 2, 3, 4], "site": list("BBAA")}, "columns row and site"),
    ],
)  # fmt: skip
def test_a_common_column_that_differs_is_asked_about(
    tmp_path: Path, own: dict[str, list[object]], beside: dict[str, list[object]], named: str
) -> None:
    with pytest.raises(DatasetError, match=f"both have the {named}, but") as refused:
        import_tables(tmp_path, own, beside)
    assert "a column `file` in both tables" in refused.value.fix
    _, rows = import_tables(tmp_path, {**own, "file": IDS}, {**beside, "file": IDS})
    assert rows["true_label"].tolist() == LABELS
    _, rows = import_tables(tmp_path, own, {})
    assert rows["true_label"].tolist() == [LABELS[i] for i in ORDER]


@pytest.mark.parametrize(
    "column, values",
    [
        ("Unnamed: 0", [1, 2, 3, 4]),
        ("", [1, 2, 3, 4]),
        ("age", [0.5, 1.5, 2.5, 3.5]),
        ("left", [True, False, False, True]),
        ("site", ["A"] * 4),
    ],
)
def test_columns_that_tell_nothing_about_the_order_are_passed_over(
    tmp_path: Path, column: str, values: list[object]
) -> None:
    imported, rows = import_tables(tmp_path, {column: values}, {column: values})
    assert rows["true_label"].tolist() == [LABELS[i] for i in ORDER]
    assert any("labels belong to predictions in their order" in note for note in imported.manifest.notes)


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl", "parquet"])
def test_the_file_names_of_the_predictions_are_found_in_every_kind_of_table(tmp_path: Path, kind: str) -> None:
    _, rows = import_tables(tmp_path, {"file": IDS}, {"sample": IDS, "fold": [1, 2, 1, 2]}, kind)
    assert rows["true_label"].tolist() == LABELS


def test_two_columns_of_labels_that_differ_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"file": IDS, "p_cat": [0.9] * 4, "p_dog": [0.1] * 4}).to_csv(tmp_path / "x.csv", index=False)
    (tmp_path / "y.csv").write_text("file,label,label\nP7,cat,dog\nP8,dog,dog\nP9,cat,cat\nP10,dog,dog\n")
    request = ImportRequest(tmp_path / "x.csv", labels=tmp_path / "y.csv")
    with pytest.raises(DatasetError, match="two of its columns are called label, and they differ"):
        import_predictions(request, RunStore(tmp_path / "runs"))
