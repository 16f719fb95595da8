"""Reports as files."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.runs.store import RunStore
from dashboard.reports.writing import write_report
from tests.reports.made_runs import pets


def test_a_folder_gets_everything(store: RunStore, tmp_path: Path) -> None:
    out = tmp_path / "for the board"
    written = write_report(pets(store), store, (), out, lambda: '{"a": 1}')
    names = ["report.html", "report.json", "report.md", "rows.csv", "rows.parquet"]
    assert sorted(path.name for path in written) == sorted(path.name for path in out.iterdir()) == names
    assert json.loads((out / "report.json").read_text()) == {"a": 1}
    assert len(pd.read_csv(out / "rows.csv")) == len(pd.read_parquet(out / "rows.parquet")) == 6
    assert (out / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_markdown_alone(store: RunStore, tmp_path: Path) -> None:
    assert write_report(pets(store), store, (), tmp_path / "new" / "a.md", str) == [tmp_path / "new" / "a.md"]
    assert (tmp_path / "new" / "a.md").read_text(encoding="utf-8").startswith("---\nmodel-index:")


@pytest.mark.usefixtures("by_its_name")
def test_commands_name_an_installed_dashboard_as_it_was_started(store: RunStore, tmp_path: Path) -> None:
    run = pets(store)
    for path in (tmp_path / "a.md", tmp_path / "a.html"):
        write_report(run, store, (), path, str)
        text = path.read_text(encoding="utf-8")
        assert "classifier-dashboard report " in text and "python -m dashboard" not in text


def test_another_ending_is_refused(store: RunStore, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot be written as \.pdf") as refused:
        write_report(pets(store), store, (), tmp_path / "a.pdf", str)
    assert ".html or .md" in refused.value.fix and not (tmp_path / "a.pdf").exists()


def test_a_place_that_cannot_be_written(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = pets(store)
    for out in (tmp_path / "file" / "a.md", tmp_path / "file" / "folder"):
        with pytest.raises(DatasetError) as refused:
            write_report(run, store, (), out, str)
        assert refused.value.code == "storage"
