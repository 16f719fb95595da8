from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.core.evaluation.measuring import measure
from dashboard.core.metrics.intervals import proportion
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.overview import overviews
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from tests.compared_runs import probabilities, write_run

NAMES = ("cat", "dog")
LABELS = ["cat", "cat", "dog", "dog"]


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    for day, predicted in enumerate(([0, 0, 1, 1], [0, 0, 1, 0]), start=1):
        created = f"2026-01-0{day}T00:00:00+00:00"
        write_run(tmp_path, f"run-{day}", LABELS, probabilities(predicted, 2), NAMES, created_utc=created)
    measure(RunStore(tmp_path).folder("run-2"))
    return RunStore(tmp_path)


def test_a_list_knows_the_measured_accuracy_without_the_rows(store: RunStore) -> None:
    for rows in store.root.glob("*/*.parquet"):
        rows.write_bytes(b"no rows")
    newer, older = overviews(store)
    assert (newer.manifest.run_id, newer.accuracy) == ("run-2", proportion(3, 4))
    assert older.accuracy is None and older.state == "finished" and older.annotations.note == ""


def test_metrics_that_were_written_again_are_read_again(store: RunStore) -> None:
    assert overviews(store)[0].accuracy == proportion(3, 4)
    file = store.folder("run-2").beside.evaluation_file
    file.write_text(
        json.dumps({**json.loads(file.read_text()), "accuracy": {"value": 0.5, "low": 0, "high": 1, "n": 4}})
    )
    os.utime(file, ns=(1, 1))
    found = overviews(store)[0].accuracy
    assert found is not None and found.value == 0.5


def test_metrics_of_another_run_are_not_shown(store: RunStore) -> None:
    other = write_run(store.root / ".elsewhere", "other", LABELS * 2, probabilities([0] * 8, 2), NAMES)
    measure(other)
    other.beside.evaluation_file.rename(store.folder("run-2").beside.evaluation_file)
    assert overviews(store)[0].accuracy == proportion(3, 4)


def test_metrics_of_the_rows_before_a_run_went_on_are_not_shown(store: RunStore) -> None:
    folder = store.folder("run-2")
    folder.save(replace(folder.manifest(), state="running"))
    assert overviews(store)[0].accuracy is None


def test_a_changed_digit_of_the_metrics_is_damage(store: RunStore) -> None:
    file = store.folder("run-2").beside.evaluation_file
    file.write_text(file.read_text().replace('"value": 0.75', '"value": 0.85'))
    os.utime(file, ns=(4, 4))
    assert overviews(store)[0].accuracy == proportion(3, 4)


def test_damaged_metrics_are_computed_again_and_damaged_notes_say_so(store: RunStore) -> None:
    folder = store.folder("run-2")
    folder.beside.evaluation_file.write_text("{")
    os.utime(folder.beside.evaluation_file, ns=(2, 2))
    (folder.path / "annotations.json").write_text("[")
    found = overviews(store)[0]
    assert found.accuracy == proportion(3, 4) and found.annotations.verdict == ""
    assert "annotations.json of the evaluation run-2 cannot be read" in found.note and "Remove " in found.note


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"{")])
@pytest.mark.parametrize("by", ["list", "opening"])
def test_lost_metrics_are_stored_again_when_the_run_is_listed_or_opened(
    store: RunStore, damage: Callable[[Path], object], by: str
) -> None:
    folder = store.folder("run-2")
    damage(folder.beside.evaluation_file)
    if by == "list":
        assert overviews(store)[0].accuracy == proportion(3, 4)
    else:
        folder.load(VIEW_COLUMNS, parse_filter(["true_label=cat"]))
    for rows in folder.path.glob("*.parquet"):
        rows.write_bytes(b"no rows")
    assert overviews(store)[0].accuracy == proportion(3, 4)


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"{")])
def test_lost_metrics_of_a_cancelled_run_are_not_computed_for_a_list(
    store: RunStore, damage: Callable[[Path], object]
) -> None:
    folder = store.folder("run-2")
    damage(folder.beside.evaluation_file)
    folder.save(replace(folder.manifest(), state="cancelled"))
    assert folder.load().evaluation() and overviews(store)[0].accuracy is None


@pytest.mark.parametrize("packed", [False, True])
def test_the_rows_of_a_run_without_labels_are_not_read_for_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    folder = write_run(tmp_path, "unlabelled", [None] * 4, probabilities([0, 1, 1, 0], 2), NAMES)
    if packed:
        folder.rows.pack(folder.rows.files(NAMES))
    monkeypatch.setattr(RunFolder, "load", None)
    assert [run.accuracy for run in overviews(RunStore(tmp_path))] == [None]
