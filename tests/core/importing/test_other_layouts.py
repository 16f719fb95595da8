"""Tables of predictions in layouts that are not read: the line of pandas in the advice makes a table that is."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.importing import predictions_file
from dashboard.core.importing.dropped import keep_predictions
from dashboard.core.importing.predictions import Imported, ImportRequest, import_predictions
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings

NAMES = ("cat", "dog", "frog")
PROBS = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.5, 0.25, 0.25]])
FILES, LABELS = ["0.png", "1.png", "2.png", "3.png"], ["cat", "dog", "dog", "frog"]
LONG = pd.DataFrame(
    [(file, name, prob) for file, row in zip(FILES, PROBS, strict=True) for name, prob in zip(NAMES, row, strict=True)],
    columns=["image", "class", "probability"],
)


def after_the_advice(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[DatasetError, Imported]:
    """The error for this table, and what is imported after its advice was followed."""
    store = RunStore(path.parent / "runs")
    with pytest.raises(DatasetError) as refused:
        import_predictions(ImportRequest(path), store)
    _, line, written = refused.value.fix.split("`")
    monkeypatch.chdir(path.parent)
    exec(line, {})
    return refused.value, import_predictions(
        ImportRequest(path.parent / written.removeprefix(". Then import ").removesuffix(".")), store
    )


def has_all(imported: Imported, path: Path, names: tuple[str, ...] = NAMES) -> None:
    rows = RunStore(path.parent / "runs").folder(imported.manifest.run_id).load().table
    assert rows["file"].tolist() == FILES and imported.manifest.class_names == names
    assert np.allclose(np.stack(list(rows["pred_probs"])), PROBS)


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("kind", ["csv", "european", "parquet"])
def test_a_row_for_each_class_of_each_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: bool, kind: str
) -> None:
    table = LONG.assign(label=[label for label in LABELS for _ in NAMES]) if labels else LONG
    table = table.sample(frac=1, random_state=1)
    path = tmp_path / ("x.parquet" if kind == "parquet" else "x.csv")
    if kind == "parquet":
        table.to_parquet(path)
    elif kind == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_csv(path, index=False, sep=";", decimal=",")
    error, imported = after_the_advice(path, monkeypatch)
    assert error.message == "x.{} has several rows for each image, and the class of each row in class.".format(
        path.suffix.removeprefix(".")
    )
    has_all(imported, path)
    assert labels == bool(imported.evaluation and imported.evaluation.accuracy.value == 0.5)


@pytest.mark.parametrize("by", ["class", "image", "probability"])
def test_rows_are_told_in_any_order_also_if_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr(predictions_file, "PIECE_ROWS", 4)
    LONG.sort_values(by).to_csv(tmp_path / "x.csv", index=False)
    has_all(after_the_advice(tmp_path / "x.csv", monkeypatch)[1], tmp_path / "x.csv")


@pytest.mark.parametrize("probs, classes", [("probability", "class"), ("confidence", "label"), ("score", "prediction")])
def test_rows_of_the_likeliest_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, probs: str, classes: str
) -> None:
    table = LONG.sort_values(["image", "probability"]).groupby("image").tail(2)
    table.rename(columns={"probability": probs, "class": classes}).to_csv(tmp_path / "x.csv", index=False)
    error, imported = after_the_advice(tmp_path / "x.csv", monkeypatch)
    assert "only the likeliest can be used" in error.message
    rows = RunStore(tmp_path / "runs").folder(imported.manifest.run_id).load().table
    assert rows["file"].tolist() == FILES and rows["predicted_label"].tolist() == ["cat", "dog", "frog", "cat"]


def test_one_row_for_each_image_is_no_other_layout(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for files in (FILES, FILES[:2] * 2):  # images may be predicted twice
        probs = PROBS[:, 0]
        pd.DataFrame({"file": files, "label": ["no", "yes"] * 2, "prob": probs}).to_csv(tmp_path / "x.csv", index=False)
        assert import_predictions(ImportRequest(tmp_path / "x.csv", ("no", "yes")), store).n_evaluated == 4


def cells(kind: str) -> list[object]:
    rows = [dict(zip(NAMES, map(float, row), strict=True)) for row in PROBS]
    of_pipeline = [[{"score": prob, "label": name} for name, prob in row.items()] for row in rows]
    all_cells: dict[str, list[object]] = {
        "numbers": [[*row.values()] for row in rows],
        "array": [np.array([*row.values()]) for row in rows],
        "numpy numbers": [[*map(np.float64, row.values())] for row in rows],
        "numpy dictionary": [{name: np.float32(prob) for name, prob in row.items()} for row in rows],
        "plain": [" ".join(map(str, row.values())) for row in rows],
        "dictionary": [*rows],
        "json": [json.dumps(row) for row in of_pipeline],
        "records": [*of_pipeline],
        "pairs": [[*row.items()] for row in rows],
    }
    return all_cells[kind]


@pytest.mark.parametrize(
    "kind", ["numbers", "array", "numpy numbers", "numpy dictionary", "plain", "dictionary", "json", "records", "pairs"]
)
@pytest.mark.parametrize("column", ["probs", "prediction", "result"])
def test_all_probabilities_in_one_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, column: str) -> None:
    path = tmp_path / "x.csv"
    pd.DataFrame({"file": FILES, column: cells(kind)}).to_csv(path, index=False)
    error, imported = after_the_advice(path, monkeypatch)
    assert f"all classes of an image in one cell of the column {column}" in error.message
    if kind in ("numbers", "array", "numpy numbers", "plain"):  # which have no names
        imported = import_predictions(ImportRequest(tmp_path / "x-new.csv", NAMES), RunStore(tmp_path / "runs"))
    has_all(imported, path)


@pytest.mark.parametrize("column", ["probs", "prediction", "result"])
def test_all_probabilities_in_one_cell_of_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str) -> None:
    pq.write_table(pa.table({"file": FILES, column: cells("records")}), tmp_path / "x.parquet")
    has_all(after_the_advice(tmp_path / "x.parquet", monkeypatch)[1], tmp_path / "x.parquet")


def test_the_likeliest_classes_in_one_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    likeliest = [[("cat", 0.5), ("dog", 0.3)], [("dog", 0.5), ("cat", 0.1)]] * 2
    pd.DataFrame({"file": FILES, "label": LABELS, "result": likeliest}).to_csv(tmp_path / "x.csv", index=False)
    error, imported = after_the_advice(tmp_path / "x.csv", monkeypatch)
    assert "the likeliest classes of an image in one cell" in error.message
    assert imported.evaluation and imported.evaluation.accuracy.n == 4


def test_lists_beside_predictions_are_kept(tmp_path: Path) -> None:
    columns = {"file": FILES, "prediction": LABELS, "box": [[0.1, 0.4, 0.2, 0.3]] * 4}
    pd.DataFrame(columns).to_csv(tmp_path / "x.csv", index=False)
    assert import_predictions(ImportRequest(tmp_path / "x.csv"), RunStore(tmp_path / "runs")).n_evaluated == 4


@pytest.mark.parametrize("cells", [["[1]", "[0]"], ["['cat']", "['dog']"], ["[e]", "[-]"], ["{[]: 1}", "[("]])
def test_other_text_in_brackets_is_a_class(tmp_path: Path, cells: list[str]) -> None:
    pd.DataFrame({"file": FILES, "prediction": cells * 2}).to_csv(tmp_path / "x.csv", index=False)
    assert import_predictions(ImportRequest(tmp_path / "x.csv"), RunStore(tmp_path / "runs")).n_evaluated == 4


@pytest.mark.parametrize(
    "names", [("model_a_pred", "model_b_pred"), ("pred_resnet", "Prediction ViT"), ("y_pred_a", "y_pred_b")]
)
@pytest.mark.parametrize("more", [{}, {"conf_a": [0.5, 0.6, 0.7, 0.9]}])
def test_several_columns_of_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str], more: dict[str, list[float]]
) -> None:
    columns = {"file": FILES, "label": LABELS, names[0]: LABELS, names[1]: LABELS[::-1], **more}
    pd.DataFrame(columns).to_csv(tmp_path / "x.csv", index=False)
    error, imported = after_the_advice(tmp_path / "x.csv", monkeypatch)
    assert error.message == f"x.csv has several columns of predictions: {', '.join(names)}."
    assert imported.evaluation and imported.evaluation.accuracy.value == 1


def test_the_page_tells_the_line_too(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has several rows for each image") as refused:
        keep_predictions(
            [("x.csv", io.BytesIO(LONG.to_csv(index=False).encode()))], CLASS_NAMES, Settings(data_dir=tmp_path)
        )
    assert "t.pivot(" in refused.value.fix and not any(path.is_file() for path in tmp_path.rglob("*"))
