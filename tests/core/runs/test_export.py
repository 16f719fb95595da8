from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dashboard.core.runs.export import parquet_bytes, safe_for_spreadsheets, write_csv
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import VIEW_COLUMNS
from tests.run_rows import failed, manifest, ok, table_of


def test_the_csv_has_a_row_for_every_image(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / manifest().run_id)
    folder.save(manifest())
    folder.add_part(0, table_of([ok(0, "cat", "cat"), failed(1), ok(2, None, "dog")]))
    out = io.BytesIO()
    write_csv(folder.load(VIEW_COLUMNS), out)
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


def test_the_csv_under_a_filter_has_only_its_rows_each_with_its_own_probabilities(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.path.mkdir()
    folder.save(manifest())
    folder.add_part(0, table_of([ok(0, "cat", "cat"), ok(1, "dog", "cat"), failed(2), ok(3, "dog", "dog")]))
    out = io.BytesIO()
    write_csv(folder.load(VIEW_COLUMNS, parse_filter(["true_label=dog"])), out)
    table = pd.read_csv(io.BytesIO(out.getvalue()), encoding="utf-8-sig")
    assert table["file"].tolist() == ["dog/1.png", "dog/3.png"]
    assert table["p_cat"].tolist() == [0.75, 0.25] and table["p_dog"].tolist() == [0.25, 0.75]


@pytest.mark.parametrize("where", [[], ["age>5"]])
def test_further_columns_of_the_dataset_are_exported_after_ours(where: list[str], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.path.mkdir()
    folder.save(manifest())
    folder.add_part(0, table_of([ok(0, "cat", "cat"), failed(1)]))
    folder.add_part(1, table_of([ok(2, "dog", "dog")]))
    own = {
        "camera": ["=1+1", "b", None],
        "age": [1, None, 7],
        "flag": [True, None, False],
        "p_cat": ["x", "y", "z"],
        "width": [9, 9, 9],
    }
    folder.beside.attributes.keep(pa.table(own))
    run, out = folder.load(VIEW_COLUMNS, parse_filter(where)), io.BytesIO()
    write_csv(run, out)
    csv = pd.read_csv(io.BytesIO(out.getvalue()), dtype=str)
    parquet = pd.read_parquet(io.BytesIO(parquet_bytes(run)))
    names = ["camera", "age", "flag", "p_cat (dataset)", "width (dataset)"]
    assert [*csv.columns][-5:] == [*parquet.columns][-5:] == names
    assert {*parquet.columns} - {*csv.columns} == {"pred_probs", "logits"}
    last = csv.iloc[-1]
    assert (last["index"], last["age"], last["flag"], last["true_rank"]) == ("2", "7", "False", "1")
    assert parquet["age"].tolist()[-1] == 7 and parquet["p_cat (dataset)"].tolist()[-1] == "z"
    if not where:
        assert csv["camera"].tolist()[0] == "'=1+1" and parquet["camera"].tolist()[:2] == ["=1+1", "b"]
