from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from dashboard.core.analysis import label_issues as module
from dashboard.core.analysis.label_issues import COLUMNS, issues_csv, label_issues
from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from tests.run_rows import failed, manifest, ok, table_of
from tests.simulated_runs import NAMES, Simulated, clean

NAME = "20260101-000000-abc"


@pytest.fixture(scope="module")
def noisy() -> tuple[Simulated, np.ndarray]:
    """A run with 60 labels changed, and which they are. One row in 50 failed."""
    run, rng = clean(1), np.random.default_rng(1)
    changed = np.sort(rng.choice(2000, 60, replace=False))
    true = run.true.copy()
    true[changed] = (true[changed] + 1) % 10
    return replace(run, true=true, failed=np.arange(2000) % 50 == 7), changed


def test_changed_labels_come_first(noisy: tuple[Simulated, np.ndarray], tmp_path: Path) -> None:
    run, changed = noisy
    issues = label_issues(run.store(tmp_path / NAME).load(VIEW_COLUMNS))
    assert tuple(issues.columns) == COLUMNS and issues["rank"].tolist() == list(range(1, len(issues) + 1))
    assert np.isin(issues["index"].head(30), changed).mean() > 0.8
    first = issues.iloc[0]
    i = int(first["index"])
    assert (first["file"], first["label"], first["suggested_label"]) == (
        f"{i}.png", NAMES[run.true[i]], NAMES[run.predicted[i]],
    )  # fmt: skip
    assert first["confidence"] == run.pred_probs[i].max() and first["score"] == run.pred_probs[i, run.true[i]]
    assert issues["score"].is_monotonic_increasing and not run.failed[issues["index"]].any()


def test_in_pieces_nearly_the_same_is_found(
    noisy: tuple[Simulated, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = noisy[0].store(tmp_path / NAME).load(VIEW_COLUMNS)
    at_once = label_issues(run)
    monkeypatch.setattr(module, "MOST_BYTES", 0)
    in_pieces = label_issues(run)
    assert np.isin(in_pieces["index"], at_once["index"]).mean() > 0.7 and len(in_pieces) > 0.7 * len(at_once)
    assert in_pieces["score"].is_monotonic_increasing
    assert (in_pieces["label"].astype(str) != in_pieces["suggested_label"].astype(str)).mean() > 0.9


def test_classes_that_are_predicted_but_no_label_do_not_change_how_the_others_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten classes, six occur as labels, of which some are changed. Both ways to count find the same."""
    run, rng = clean(1), np.random.default_rng(1)
    true, changed = run.predicted % 6, rng.choice(2000, 60, replace=False)
    true[changed] = (true[changed] + 1) % 6
    folder = replace(run, true=true).store(tmp_path / NAME)
    at_once = label_issues(folder.load(VIEW_COLUMNS))["index"].to_numpy()
    monkeypatch.setattr(module, "MOST_BYTES", 0)
    in_pieces = label_issues(folder.load(VIEW_COLUMNS))["index"].to_numpy()
    assert {*at_once[run.predicted[at_once] >= 6]} == {*in_pieces[run.predicted[in_pieces] >= 6]} != set()
    at_once, in_pieces = (found[run.predicted[found] < 6] for found in (at_once, in_pieces))
    wrong = changed[run.predicted[changed] < 6]
    assert np.isin(wrong, at_once).mean() > 0.8 and len(at_once) < 2 * len(wrong)
    assert np.isin(in_pieces, at_once).mean() > 0.7 and len(in_pieces) > 0.7 * len(at_once)


@pytest.mark.parametrize("present", [("cat",), ("cat", "frog"), (*NAMES[:5], *NAMES[6:])])
def test_a_class_without_labelled_images_is_suggested_if_the_model_is_as_sure_as_of_right_answers(
    present: tuple[str, ...], tmp_path: Path
) -> None:
    """All dogs are filed under cat."""
    run, cat, dog = clean(1), NAMES.index("cat"), NAMES.index("dog")
    run = run.take(np.flatnonzero(np.isin(run.true, [dog, *map(NAMES.index, present)])))
    filed = replace(run, true=np.where(run.true == dog, cat, run.true))
    issues = label_issues(filed.store(tmp_path / NAME).load(VIEW_COLUMNS))
    confidence = run.pred_probs.max(axis=1)
    sure = confidence >= confidence[filed.true == filed.predicted].mean()
    as_dogs = issues[issues["suggested_label"] == "dog"]
    assert {*as_dogs["index"]} == {*np.flatnonzero((run.predicted == dog) & sure)}
    assert len(as_dogs) > 0.6 * (run.true == dog).sum() and issues["score"].is_monotonic_increasing


@pytest.mark.parametrize("present", [("cat",), ("cat", "frog"), NAMES[::2], NAMES[1:]])
def test_absent_classes_raise_few_false_alarms(present: tuple[str, ...], shared_dir: Path, tmp_path: Path) -> None:
    """Of the same images, no more are marked than if all ten classes are present. Nearly all labels are right."""
    probs, labels = (np.load(shared_dir / "oracles" / f"cifar10_test_{name}.npy") for name in ("pred_probs", "labels"))
    places = np.flatnonzero(np.isin(labels, [NAMES.index(name) for name in present]))
    run = Simulated(labels, probs, np.zeros(10_000, bool), np.zeros((10_000, 2, 2, 3), np.uint8))
    of_all = label_issues(run.store(tmp_path / "all").load(VIEW_COLUMNS))
    found = label_issues(run.take(places).store(tmp_path / NAME).load(VIEW_COLUMNS))
    assert 0 < len(found) <= np.isin(of_all["index"], places).sum()


@pytest.mark.parametrize("most_bytes", [2**29, 0])
def test_probabilities_rounded_to_slightly_beyond_0_and_1(
    most_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an import accepts them."""
    run = clean(1)
    probs, true = run.pred_probs.copy(), run.true.copy()
    probs[:20] = np.eye(10)[true[:20]] * 1.0009 - 0.0001
    true[:5] = (true[:5] + 1) % 10
    monkeypatch.setattr(module, "MOST_BYTES", most_bytes)
    issues = label_issues(replace(run, pred_probs=probs, true=true).store(tmp_path / NAME).load(VIEW_COLUMNS))
    assert {*range(5)} <= {*issues["index"]} and not {*range(5, 20)} & {*issues["index"]}


def test_a_filter_leaves_the_same_images_out_and_changes_no_other(
    noisy: tuple[Simulated, np.ndarray], tmp_path: Path
) -> None:
    folder = noisy[0].store(tmp_path / NAME)
    issues = label_issues(folder.load(VIEW_COLUMNS))
    cats = label_issues(folder.load(VIEW_COLUMNS, parse_filter(["true_label=cat"])))
    assert len(cats) > 0 and cats["index"].tolist() == issues.loc[issues["label"] == "cat", "index"].tolist()


@pytest.mark.parametrize(
    "rows", [[], [failed(0)], [ok(0, None, "cat")], [ok(0, "cat", "cat")], [ok(0, "cat", "cat"), ok(1, "dog", "dog")]]
)
def test_without_an_answer_that_differs_from_its_label_there_is_nothing_to_find(
    rows: list[object], tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / NAME)
    folder.save(manifest())
    folder.add_part(0, table_of(rows))  # type: ignore[arg-type]
    assert label_issues(folder.load(VIEW_COLUMNS)).empty


def test_if_all_images_lie_in_the_wrong_folder_the_surest_answers_count(tmp_path: Path) -> None:
    """All of them are cats, filed under dog, so that no answer agrees with a label."""
    unsure = replace(ok(2, "dog", "cat"), confidence=0.6, pred_probs=[0.6, 0.4])
    folder = RunFolder(tmp_path / NAME)
    folder.save(manifest())
    folder.add_part(0, table_of([ok(0, "dog", "cat"), ok(1, "dog", "cat"), unsure]))
    issues = label_issues(folder.load(VIEW_COLUMNS))
    assert issues["index"].tolist() == [0, 1] and {*issues["suggested_label"]} == {"cat"}


def test_the_reference_predictions(shared_dir: Path, tmp_path: Path) -> None:
    """What cleanlab finds there with its default filter."""
    files = (shared_dir / "oracles" / f"cifar10_test_{name}.npy" for name in ("pred_probs", "labels"))
    store = RunStore(tmp_path)
    imported = import_predictions(ImportRequest(next(files), NAMES, next(files), "oracle", {}, None), store)
    issues = label_issues(store.folder(imported.manifest.run_id).load(VIEW_COLUMNS))
    assert len(issues) == 284 and issues["index"].head(3).tolist() == [3828, 2405, 6753]


def test_the_csv_file_has_all_columns_also_those_of_the_dataset_and_no_formulas(tmp_path: Path) -> None:
    further = pa.table({"pupil": ["Anna", "=Ben"], "age": pa.array([None, 7]), "rank": ["x", "y"]})
    store = RunStore(tmp_path)
    store.begin(manifest(), further).release()
    folder = store.folder(manifest().run_id)
    folder.add_part(0, table_of([ok(0, "dog", "dog"), ok(1, "cat", "dog")]))
    issues = pd.DataFrame([[1, "=a.png", "cat", "dog", 0.9, 0.05, 1]], columns=[*COLUMNS], index=[1])
    header, row = issues_csv(folder.load(VIEW_COLUMNS), issues).decode("utf-8-sig").splitlines()
    assert header.split(",") == [*COLUMNS, "pupil", "age", "rank (dataset)"]
    assert row == "1,'=a.png,cat,dog,0.9,0.05,1,'=Ben,7,y"
    none = issues_csv(folder.load(VIEW_COLUMNS), issues[:0]).decode("utf-8-sig").splitlines()
    assert none == [header]
