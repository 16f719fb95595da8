from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.core.runs.export import safe_for_spreadsheets, write_csv
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
