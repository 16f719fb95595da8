"""`runs guarantee` and `runs prediction-sets` as a script uses them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from dashboard.cli.app import app
from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.metrics.guarantee import guaranteed_threshold
from dashboard.core.metrics.halves import halves
from dashboard.core.metrics.temperature import softmax
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from tests.core.evaluation.test_recalibration import RUN, drawn, stored

Runs = Callable[..., Result]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    for name in [name for name in os.environ if name.startswith("DASHBOARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DASHBOARD_DATA_DIR", str(tmp_path))

    def call(*arguments: str) -> Result:
        get_settings.cache_clear()
        try:
            return CliRunner().invoke(app, ["runs", *arguments])
        finally:
            get_settings.cache_clear()

    return call


def test_the_other_half_of_the_labelled_rows_measures_the_threshold(runs: Runs, tmp_path: Path) -> None:
    stored(tmp_path)
    done = runs("guarantee", RUN, "--max-error", "10%", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    logits, labels = drawn(1000, 3.0)
    _, check = halves(1000)
    probs = softmax(logits, 1.5)[check]
    accepted = probs.max(axis=1) >= record["threshold"]
    wrong = probs.argmax(axis=1) != labels[check]
    assert record["coverage"] == pytest.approx(accepted.mean()) and 0 < record["coverage"] < 1
    assert record["risk"] == pytest.approx(wrong[accepted].mean())
    assert (record["n_calibration"], record["n_test"], record["reason"], record["holds"]) == (500, 500, "", True)
    assert record["risk_ci95"][0] < record["risk"] < record["risk_ci95"][1]
    assert "at most 10% of them are wrong" in done.stderr


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--max-error", "0.001"], "At least 2,995 images are needed"),
        (["--where", "confidence>=1"], "There are 0 labelled images"),
    ],
)
def test_without_a_threshold_the_reason_is_told(runs: Runs, tmp_path: Path, arguments: list[str], told: str) -> None:
    stored(tmp_path)
    done = runs("guarantee", RUN, *arguments, "--json")
    record = json.loads(done.stdout)
    assert done.exit_code == 1 and told in record["reason"] and told in done.stderr
    assert record["threshold"] is record["coverage"] is record["risk"] is record["risk_ci95"] is None
    assert record["holds"] is False


def test_pairs_in_alternating_rows_give_no_threshold_that_half_of_them_breaks(runs: Runs, tmp_path: Path) -> None:
    """Every first image of a pair is easy, every second one difficult, and all have the same confidence."""
    right = np.arange(2000) % 2 == 0
    confidence = np.random.default_rng(3).uniform(0.9, 0.99, 2000)
    np.save(tmp_path / "probs.npy", np.stack([confidence, 1 - confidence], axis=1))
    np.save(tmp_path / "labels.npy", np.where(right | (np.arange(2000) % 10 > 1), 0, 1))
    request = ImportRequest(tmp_path / "probs.npy", labels=tmp_path / "labels.npy")
    run_id = import_predictions(request, RunStore(tmp_path / "runs")).manifest.run_id
    done = runs("guarantee", run_id, "--max-error", "0.02")
    assert done.exit_code == 1 and "Of the 1,000 images that serve to choose a threshold" in done.stdout
    assert runs("prediction-sets", run_id).exit_code == 0


@pytest.fixture
def two_kinds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The id of a run whose images differ from one half to the other."""
    _, check = halves(2000)
    labels = np.zeros(2000, int)
    labels[check[:500]] = 1
    confidence = np.random.default_rng(3).uniform(0.9, 0.99, 2000)
    np.save(tmp_path / "probs.npy", np.stack([confidence, 1 - confidence], axis=1))
    np.save(tmp_path / "labels.npy", labels)
    request = ImportRequest(tmp_path / "probs.npy", labels=tmp_path / "labels.npy")
    return import_predictions(request, RunStore(tmp_path / "runs")).manifest.run_id


def test_a_threshold_that_the_other_half_contradicts_is_no_guarantee(runs: Runs, two_kinds: str) -> None:
    done = runs("guarantee", two_kinds, "--max-error", "0.02", "--json")
    record = json.loads(done.stdout)
    assert done.exit_code == 1 and record["holds"] is False and record["risk_ci95"][0] > 0.02
    assert (
        "No threshold can be relied on for at most 2% errors." in done.stderr
        and "at most 2% of them" not in done.stderr
    )


def test_sets_that_the_other_half_contradicts_are_told(runs: Runs, two_kinds: str) -> None:
    done = runs("prediction-sets", two_kinds, "--json")
    record = json.loads(done.stdout)
    assert done.exit_code == 1 and record["marginal"]["holds"] is False and record["by_class"]["holds"] is True
    assert "The sets with one limit for all classes cannot be relied on: only 47.5% (" in done.stderr


@pytest.mark.parametrize("command", ["guarantee", "prediction-sets"])
def test_nothing_is_promised_about_an_evaluation_that_is_not_finished(runs: Runs, tmp_path: Path, command: str) -> None:
    stored(tmp_path, state="running")
    done = runs(command, RUN, "--json")
    error = json.loads(done.stdout)["error"]
    assert done.exit_code == 1 and error["code"] == "run_unfinished" and "evaluate --resume" in error["fix"]
    assert error["message"] == f"The evaluation {RUN} is interrupted, so its figures are not final."


def test_a_share_that_is_no_share_is_refused(runs: Runs) -> None:
    assert runs("guarantee", RUN, "--max-error", "2").exit_code == 2
    assert runs("prediction-sets", RUN, "--confidence", "95").exit_code == 2


def test_prediction_sets_with_one_limit_and_with_one_for_each_class(runs: Runs, tmp_path: Path) -> None:
    stored(tmp_path)
    done = runs("prediction-sets", RUN, "--confidence", "90%", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    logits, labels = drawn(1000, 3.0)
    probs = softmax(logits, 1.5)
    scores = 1 - probs[np.arange(1000), labels]
    fit, check = halves(1000)
    quantile = np.sort(scores[fit])[math.ceil(501 * 0.9) - 1]
    sets = 1 - probs[check] <= quantile
    assert record["marginal"]["quantile"] == pytest.approx(quantile)
    assert record["marginal"]["coverage"] == pytest.approx(np.mean(scores[check] <= quantile))
    assert record["marginal"]["mean_size"] == pytest.approx(sets.sum(axis=1).mean())
    of_cats = np.sort(scores[fit][labels[fit] == 0])
    cat = record["by_class"]["classes"][0]
    assert cat["label"] == "cat" and cat["n_test"] == (labels[check] == 0).sum()
    assert cat["quantile"] == pytest.approx(of_cats[math.ceil((len(of_cats) + 1) * 0.9) - 1])
    assert (record["n_calibration"], record["n_test"], record["n_labelled"]) == (500, 500, 1000)
    assert record["marginal"]["holds"] is record["by_class"]["holds"] is True


def test_prediction_sets_of_too_few_images_are_refused(runs: Runs, tmp_path: Path) -> None:
    stored(tmp_path)
    few = ["--where", "index<150"]
    done = runs("prediction-sets", RUN, *few, "--json")
    error = json.loads(done.stdout)["error"]
    assert done.exit_code == 1 and error["code"] == "too_few_images"
    assert "need at least 200 labelled images" in error["message"]
    assert runs("prediction-sets", RUN, *few, "--confidence", "0.9").exit_code == 0, "the way out"


def test_reference_figures(runs: Runs, tmp_path: Path, shared_dir: Path) -> None:
    folder = shared_dir / "oracles"
    request = ImportRequest(folder / "cifar10_test_pred_probs.npy", labels=folder / "cifar10_test_labels.npy")
    run_id = import_predictions(request, RunStore(tmp_path / "runs")).manifest.run_id
    found = json.loads(runs("guarantee", run_id, "--max-error", "0.02", "--json").stdout)
    probs, labels = (np.load(folder / f"cifar10_test_{name}.npy") for name in ("pred_probs", "labels"))
    fit, check = halves(len(labels))
    confidence, correct = probs.max(axis=1), probs.argmax(axis=1) == labels
    expected = guaranteed_threshold(confidence[fit], correct[fit], 0.02, confidence[check], correct[check])
    assert expected.coverage is not None and expected.risk is not None
    assert found["threshold"] == pytest.approx(expected.threshold, abs=1e-6)
    assert found["coverage"] == pytest.approx(expected.coverage.value, abs=1e-3) and 0.8 < found["coverage"] < 0.9
    assert found["risk"] == pytest.approx(expected.risk.value, abs=1e-3) and found["holds"] is True
    sets = json.loads(runs("prediction-sets", run_id, "--json").stdout)["marginal"]
    assert sets["quantile"] == pytest.approx(0.8, abs=0.01)
    assert (sets["coverage"], sets["mean_size"]) == (pytest.approx(0.953, abs=0.01), pytest.approx(1.068, abs=0.01))


@pytest.mark.parametrize("command", ["guarantee", "prediction-sets", "label-issues"])
def test_predicted_classes_alone_promise_nothing(runs: Runs, tmp_path: Path, command: str) -> None:
    (tmp_path / "x.csv").write_text("label,prediction\n" + "cat,cat\ndog,dog\n" * 50)
    run_id = import_predictions(ImportRequest(tmp_path / "x.csv"), RunStore(tmp_path / "runs")).manifest.run_id
    done = runs(command, run_id, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "no_probabilities"
