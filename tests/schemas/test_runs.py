from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboard.core.access.visitor import OPERATOR, Visitor
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.overview import overview
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.schemas.runs import RunSummary, ScoredRunRecord
from tests.run_rows import manifest, ok, table_of


def test_the_fit_stands_in_the_json(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest(n_images=1, state="finished", fit="pad"))
    folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    run = folder.load(VIEW_COLUMNS)
    assert json.loads(ScoredRunRecord.of(run).to_text())["fit"] == "pad"
    assert json.loads(RunSummary.of(overview(folder, run.manifest), OPERATOR).to_text())["fit"] == "pad"


@pytest.mark.usefixtures("by_its_name")
def test_stored_sentences_name_the_program_as_it_was_started(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest(n_images=1, state="failed", message="Run `python -m dashboard doctor`."))
    folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    told = RunSummary.of(overview(folder, folder.manifest()), OPERATOR)
    assert told.message == "Run `classifier-dashboard doctor`."
    assert folder.manifest().message == "Run `python -m dashboard doctor`."


def test_only_admins_are_told_whose_evaluation_it_is(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest(n_images=1, state="finished", user="ann@x.org"))
    folder.add_part(0, table_of([ok(0, "cat", "cat")]))
    found = overview(folder, folder.manifest())
    visitors = (OPERATOR, Visitor("root@x.org", is_admin=True), Visitor("ann@x.org"))
    assert [RunSummary.of(found, visitor).user for visitor in visitors] == ["ann@x.org", "ann@x.org", ""]


def test_the_figures_of_each_class_stand_in_the_json(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest(n_images=5, state="finished"))
    answers = [("cat", "cat"), ("cat", "cat"), ("cat", "dog"), ("dog", "dog"), ("dog", "dog")]
    folder.add_part(0, table_of([ok(i, *answer) for i, answer in enumerate(answers)]))
    cat, dog = json.loads(ScoredRunRecord.of(folder.load(VIEW_COLUMNS)).to_text())["classes"]
    assert cat == {"label": "cat", "n": 3, "precision": 1.0, "recall": 2 / 3, "f1": 0.8}
    assert dog == {"label": "dog", "n": 2, "precision": 2 / 3, "recall": 1.0, "f1": 0.8}

    def under(condition: str) -> object:
        return json.loads(ScoredRunRecord.of(folder.load(VIEW_COLUMNS, parse_filter([condition]))).to_text())["classes"]

    assert under("index<2") == [
        {"label": "cat", "n": 2, "precision": None, "recall": 1.0, "f1": None},
        {"label": "dog", "n": 0, "precision": None, "recall": None, "f1": None},
    ]
    assert under("index>9") is None
